// The card of one process: its rows, what is known of it, and the arrows of a translation in it.

import { arrow, ring } from "./arrows.js";
import { element } from "./dom.js";
import { RowView } from "./row.js";
import { countsBelowUtop, entriesOf, hiddenRows, rowsOf } from "./snapshot.js";
import { addressOf, hex, translate } from "./translation.js";

/** Programs that run all the time: their cards begin closed. */
const SERVERS = ["init", "pager", "disk"];

export class Card {
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

  /**
   * Draws the translation of the selected cell's page: CR3, directory entry, table entry, frame.
   */
  drawArrows(selection) {
    this.arrows.replaceChildren();
    this.frame.hidden = true;
    if (!selection || !this.element.open) return;
    const { path, frame } = translate(this.process, addressOf(selection.row, selection.cell));
    const origin = this.element.getBoundingClientRect();
    const centre = (node) => {
      const box = node.getBoundingClientRect();
      return { x: box.x + box.width / 2 - origin.x, y: box.y + box.height - origin.y };
    };
    if (frame !== null) {
      this.frame.hidden = false;
      this.frame.textContent = `frame ${hex(frame, 5)}`;
    }
    const cells = path
      .map(({ row, cell }) => this.rows.get(row)?.boxOf(cell, origin))
      .filter(Boolean);
    const points = [
      centre(this.cr3),
      ...cells.map(({ x, y, size }) => ({ x: x + size / 2, y: y + size / 2 })),
    ];
    if (frame !== null) points.push(centre(this.frame));
    for (const { x, y, size } of cells) this.arrows.append(ring(x, y, size));
    for (let at = 1; at < points.length; at++)
      this.arrows.append(...arrow(points[at - 1], points[at], at));
  }
}
