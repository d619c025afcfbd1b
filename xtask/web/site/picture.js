// The picture: a card for each process, a strip for each row, and the arrows of one translation over them.

import { classOf, countsInWords, rowName } from "./classes.js";
import { boxOf, cellAt, draw, layOut } from "./strip.js";
import { countsBelowUtop, entriesOf, hiddenRows, rowsOf, WINDOW } from "./snapshot.js";
import { hex, translate } from "./translation.js";

/** How long a change stays marked. */
const FLASH = 700;
/** Programs that run all the time: their cards begin closed. */
const SERVERS = ["init", "pager", "disk"];

const still = window.matchMedia("(prefers-reduced-motion: reduce)");

function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

export class Picture {
  /** `on.select(process, row, cell)` and `on.hover(process, row, cell)` are told which cell is looked at. */
  constructor(container, on) {
    this.container = container;
    this.on = on;
    this.cards = new Map();
    this.selection = null;
    this.zoom = 1;
    new ResizeObserver(() => this.relayout()).observe(container);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.relayout());
    container.addEventListener("keydown", (event) => this.press(event));
  }

  /** Shows the processes of a frame. */
  show(processes) {
    const ids = new Set(processes.map(({ id }) => id));
    for (const [id, card] of this.cards) {
      if (ids.has(id)) continue;
      card.element.remove();
      this.cards.delete(id);
    }
    for (const process of processes) {
      let card = this.cards.get(process.id);
      if (!card) {
        card = new Card(this, process);
        this.cards.set(process.id, card);
        this.container.append(card.element);
      }
      card.update(process);
    }
    this.drawArrows();
  }

  relayout() {
    for (const card of this.cards.values()) card.redraw();
    this.drawArrows();
  }

  setZoom(zoom) {
    this.zoom = zoom;
    this.relayout();
  }

  /** Cells in a line of a strip. */
  columnsFor(width) {
    return (width >= 500 ? 128 : 64) / this.zoom;
  }

  /** Looks at a cell: marks it, draws its translation, and tells the inspector. */
  select(id, row, cell, focus = false) {
    const card = this.cards.get(id);
    if (!card) return;
    this.selection = { id, row, cell };
    card.element.open = true;
    for (const other of this.cards.values()) other.setTabStop(other === card ? row : null);
    if (focus) card.rows.get(row)?.canvas.focus();
    this.drawArrows();
    this.on.select(card.process, row, cell);
  }

  deselect() {
    this.selection = null;
    this.drawArrows();
  }

  /** Scrolls so that a row and the row of the directory can be seen, as far as both fit. */
  reveal(id, row) {
    const rows = this.cards.get(id)?.rows;
    for (const shown of [WINDOW, row]) rows?.get(shown)?.element.scrollIntoView({ block: "nearest" });
  }

  close(id) {
    const card = this.cards.get(id);
    if (card) card.element.open = false;
  }

  /** Makes the first strip reachable by Tab as long as nothing is selected. */
  offerTabStop() {
    if (this.selection && this.cards.has(this.selection.id)) return;
    const cards = [...this.cards.values()];
    const chosen = cards.find((card) => card.element.open && card.rows.size > 0);
    for (const card of cards) card.setTabStop(card === chosen ? card.rows.keys().next().value : null);
  }

  drawArrows() {
    for (const card of this.cards.values()) {
      card.drawArrows(this.selection?.id === card.process.id ? this.selection : null);
    }
    this.offerTabStop();
  }

  press(event) {
    if (event.altKey || event.metaKey || !event.target.matches("canvas.strip")) return;
    const view = event.target.view;
    const card = view.card;
    const now = this.selection?.id === card.process.id && this.selection.row === view.row ? this.selection.cell : null;
    const target = now === null ? { row: view.row, cell: 0 } : step(card, view, now, event);
    if (!target) return;
    event.preventDefault();
    this.select(target.id ?? card.process.id, target.row, target.cell, true);
  }
}

/** Where a key leads from a cell, or null. */
function step(card, view, cell, event) {
  const { columns } = view.grid;
  const { row } = view;
  const rows = [...card.rows.keys()];
  const beside = (by) => rows[rows.indexOf(row) + by];
  const inRow = (to) => (to >= 0 && to < 1024 ? { row, cell: to } : null);
  const present = (by) => {
    for (let at = cell + by; at >= 0 && at < 1024; at += by) if (view.words[at] !== 0) return { row, cell: at };
    return null;
  };
  const over = (by) => {
    const to = beside(by);
    if (to === undefined) return null;
    const last = 1024 - columns;
    return { row: to, cell: (cell % columns) + (by > 0 ? 0 : last) };
  };
  switch (event.key) {
    case "ArrowLeft": return event.ctrlKey ? present(-1) : inRow(cell - 1);
    case "ArrowRight": return event.ctrlKey ? present(1) : inRow(cell + 1);
    case "ArrowUp": return inRow(cell - columns) ?? over(-1);
    case "ArrowDown": return inRow(cell + columns) ?? over(1);
    case "Home": return inRow(0);
    case "End": return inRow(1023);
    case "PageUp": return beside(-1) === undefined ? null : { row: beside(-1), cell };
    case "PageDown": return beside(1) === undefined ? null : { row: beside(1), cell };
    case "Enter": case " ": return { row, cell };
    case "[": case "]": return neighbour(card, event.key === "]" ? 1 : -1, row, cell);
    default: return null;
  }
}

/** The same cell of the next process that has the row, or its first row. */
function neighbour(card, by, row, cell) {
  const cards = [...card.picture.cards.values()];
  const other = cards[cards.indexOf(card) + by];
  if (!other) return null;
  other.element.open = true;
  other.redraw();
  const to = other.rows.has(row) ? row : other.rows.keys().next().value;
  return to === undefined ? null : { id: other.process.id, row: to, cell };
}

/** One process. */
class Card {
  constructor(picture, process) {
    this.picture = picture;
    this.process = null;
    this.rows = new Map();
    this.element = element("details", "process");
    this.element.dataset.id = hex(process.id).slice(2);
    this.element.open = true;
    const summary = element("summary", "");
    this.name = element("span", "name");
    this.cr3 = element("span", "chip");
    this.frame = element("span", "chip found");
    this.frame.hidden = true;
    this.facts = element("span", "facts");
    summary.append(this.name, this.cr3, this.frame, this.facts);
    this.body = element("div", "rows");
    this.rest = element("p", "rest");
    this.arrows = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.arrows.classList.add("arrows");
    this.arrows.setAttribute("aria-hidden", "true");
    this.element.append(summary, this.body, this.rest, this.arrows);
    this.element.addEventListener("toggle", () => {
      this.redraw();
      picture.drawArrows();
    });
  }

  update(process) {
    if (process === this.process) return;
    const old = this.process;
    this.process = process;
    if (!old || process.name !== this.known) this.setName(process.name);
    this.describe();
    const rows = rowsOf(process);
    for (const [row, view] of this.rows) {
      if (rows.includes(row)) continue;
      view.element.remove();
      this.rows.delete(row);
    }
    rows.forEach((row, at) => {
      let view = this.rows.get(row);
      if (!view) {
        view = new RowView(this, row);
        this.rows.set(row, view);
        this.body.insertBefore(view.element, this.body.children[at] ?? null);
      }
      view.update(entriesOf(process, row), old);
    });
    this.rows = new Map([...this.rows].sort(([one], [other]) => one - other));
  }

  setName(name) {
    this.known = name;
    this.name.textContent = name ? `${name} ` : "";
    this.name.append(element("small", "", hex(this.process.id).slice(2)));
    if (SERVERS.includes(name) && !this.wasClosed) {
      this.wasClosed = true;
      this.element.open = false;
    }
  }

  describe() {
    const { parent, frame } = this.process;
    const { pages, tables } = countsBelowUtop(this.process);
    const from = parent ? `child of ${hex(parent).slice(2)}, ` : "";
    this.facts.textContent = `${from}${pages} pages in ${tables} tables below UTOP`;
    this.cr3.textContent = `CR3 ${hex(frame * 4096)}`;
    const { views, kernel } = hiddenRows(this.process);
    const shown = views.map((row) => `row ${hex(row, 3)} is a view of another process; `).join("");
    this.rest.textContent = `${shown}${kernel} rows of the kernel's, which no program can read`;
  }

  redraw() {
    for (const view of this.rows.values()) view.redraw();
  }

  setTabStop(row) {
    for (const view of this.rows.values()) view.canvas.tabIndex = view.row === row ? 0 : -1;
  }

  /** Draws the translation of the selected cell's page: CR3, directory entry, table entry, frame. */
  drawArrows(selection) {
    this.arrows.replaceChildren();
    this.frame.hidden = true;
    if (!selection || !this.element.open) return;
    const { path, frame } = translate(this.process, (selection.row * 1024 + selection.cell) * 4096);
    const origin = this.element.getBoundingClientRect();
    const centre = (node) => {
      const box = node.getBoundingClientRect();
      return { x: box.x + box.width / 2 - origin.x, y: box.y + box.height - origin.y };
    };
    if (frame !== null) {
      this.frame.hidden = false;
      this.frame.textContent = `frame ${hex(frame, 5)}`;
    }
    const cells = path.map(({ row, cell }) => this.rows.get(row)?.boxOf(cell, origin)).filter(Boolean);
    const points = [centre(this.cr3), ...cells.map(({ x, y, size }) => ({ x: x + size / 2, y: y + size / 2 }))];
    if (frame !== null) points.push(centre(this.frame));
    for (const { x, y, size } of cells) this.arrows.append(ring(x, y, size));
    for (let at = 1; at < points.length; at++) this.arrows.append(...arrow(points[at - 1], points[at], at));
  }
}

function svg(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function ring(x, y, size) {
  return svg("rect", { class: "ring", x: x - 2, y: y - 2, width: size + 3, height: size + 3, rx: 2 });
}

/** A bent line from one point to another, with a head and the number of the step. */
function arrow(from, to, number) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  // The bend keeps the steps apart: each leaves to its right.
  const bend = Math.min(60, length / 4);
  const middle = { x: (from.x + to.x) / 2 - (dy / length) * bend, y: (from.y + to.y) / 2 + (dx / length) * bend };
  const [hx, hy] = [to.x - middle.x, to.y - middle.y];
  const h = Math.hypot(hx, hy) || 1;
  const [ux, uy] = [hx / h, hy / h];
  const tip = length < 12 ? to : { x: to.x - ux * 5, y: to.y - uy * 5 };
  const left = `${tip.x - ux * 8 - uy * 4},${tip.y - uy * 8 + ux * 4}`;
  const right = `${tip.x - ux * 8 + uy * 4},${tip.y - uy * 8 - ux * 4}`;
  const path = `M${from.x},${from.y} Q${middle.x},${middle.y} ${tip.x},${tip.y}`;
  const label = { x: (from.x + 2 * middle.x + to.x) / 4, y: (from.y + 2 * middle.y + to.y) / 4 };
  // A step that leads from a cell to itself is the fixed point: its arrow is a loop.
  const loop = `M${from.x},${from.y} c40,-50 60,10 8,4`;
  const line = length < 4 ? loop : path;
  const at = length < 4 ? { x: from.x + 40, y: from.y - 20 } : label;
  return [
    svg("path", { class: "halo", d: line }),
    svg("path", { class: "line", d: line }),
    svg("polygon", { class: "head", points: length < 4 ? "" : `${tip.x},${tip.y} ${left} ${right}` }),
    svg("circle", { class: "step", cx: at.x, cy: at.y, r: 8 }),
    svg("text", { class: "number", x: at.x, y: at.y + 4 }, String(number)),
  ];
}

/** One row: a label and a strip of 1,024 cells. */
class RowView {
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
    const old = oldProcess ? entriesOf(oldProcess, this.row) ?? new Uint32Array(1024) : null;
    this.words = words;
    this.counts.textContent = countsInWords(this.row, words);
    this.canvas.setAttribute("aria-label", `${title}: ${this.counts.textContent}`);
    if (old && !still.matches) this.flash(old);
    this.redraw();
  }

  /** Marks the cells that differ from `old`, and those that were marked a moment ago. */
  flash(old) {
    const changed = new Set(this.flashing ?? []);
    this.words.forEach((word, at) => { if (word !== old[at]) changed.add(at); });
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
    this.grid = layOut(this.canvas, 1024, columns, width);
    this.element.style.maxWidth = this.canvas.style.width;
    const { words, row, flashing } = this;
    draw(this.canvas, this.grid, (at) => classOf(row, at, words[at]), (at) => flashing?.has(at) ?? false);
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
