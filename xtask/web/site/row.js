// One row of the picture: a label, and a strip of 1,024 cells.

import { classOf, countsInWords, rowName } from "./classes.js";
import { element } from "./dom.js";
import { CELLS, entriesOf } from "./snapshot.js";
import { boxOf, cellAt, draw, layOut } from "./strip.js";
import { hex } from "./translation.js";

/** Milliseconds for which a change stays marked. */
const FLASH = 700;

const still = window.matchMedia("(prefers-reduced-motion: reduce)");

export class RowView {
  constructor(card, row) {
    this.card = card;
    this.row = row;
    this.words = null;
    this.flashing = null;
    this.element = element("div", "row");
    this.title = element("span", "title");
    this.counts = element("span", "counts");
    const label = element("p", "label");
    label.append(this.title, this.counts);
    this.canvas = element("canvas", "strip");
    this.canvas.view = this;
    this.canvas.tabIndex = -1;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "row of 1,024 pages");
    this.element.append(label, this.canvas);
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => this.card.picture.on.hover(null));
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.canvas.addEventListener("focus", () => this.focused());
  }

  update(words, oldProcess) {
    const entry = this.card.process.directory[this.row];
    const title = `${hex(this.row, 3)}  ${hex(this.row << 22)}  ${rowName(this.row, entry)}`;
    if (this.title.textContent !== title) this.title.textContent = title;
    if (words === this.words) return;
    const old = oldProcess ? (entriesOf(oldProcess, this.row) ?? new Uint32Array(CELLS)) : null;
    this.words = words;
    this.counts.textContent = countsInWords(this.row, words);
    this.canvas.setAttribute("aria-label", `${title}: ${this.counts.textContent}`);
    if (old && !still.matches) this.flash(old);
    this.redraw();
  }

  /** Marks the cells that differ from `old`, and those that were marked a moment ago. */
  flash(old) {
    const changed = new Set(this.flashing ?? []);
    this.words.forEach((word, at) => {
      if (word !== old[at]) changed.add(at);
    });
    if (changed.size === 0) return;
    this.flashing = changed;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.flashing = null;
      this.redraw();
    }, FLASH);
  }

  redraw() {
    const width = this.card.body.clientWidth;
    if (width === 0 || this.words === null) return;
    const columns = this.card.picture.columnsFor(width);
    this.grid = layOut(this.canvas, CELLS, columns, width);
    this.element.style.maxWidth = this.canvas.style.width;
    const { words, row, flashing } = this;
    draw(
      this.canvas,
      this.grid,
      (at) => classOf(row, at, words[at]),
      (at) => flashing?.has(at) ?? false,
    );
  }

  /** The box of a cell, relative to the card. */
  boxOf(cell, origin) {
    if (!this.grid) return null;
    const canvas = this.canvas.getBoundingClientRect();
    const { x, y, size } = boxOf(this.grid, cell);
    return { x: canvas.x - origin.x + x, y: canvas.y - origin.y + y, size };
  }

  cellOf(event) {
    return this.grid ? cellAt(this.grid, event.offsetX, event.offsetY) : null;
  }

  hover(event) {
    const cell = this.cellOf(event);
    if (cell !== null) this.card.picture.on.hover(this.card.process, this.row, cell);
  }

  click(event) {
    const cell = this.cellOf(event);
    if (cell !== null) this.card.picture.select(this.card.process.id, this.row, cell, true);
  }

  /** Coming by Tab, a reader sees where the keys begin. */
  focused() {
    const { selection } = this.card.picture;
    if (selection?.id === this.card.process.id && selection.row === this.row) return;
    if (!this.canvas.matches(":focus-visible")) return;
    const first = this.words.findIndex((word) => word !== 0);
    this.card.picture.select(this.card.process.id, this.row, Math.max(0, first));
  }
}
