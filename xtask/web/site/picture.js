// The picture: a card for each process, and the one cell that is selected.

import { Card } from "./card.js";
import { step } from "./keys.js";
import { WINDOW } from "./snapshot.js";

export class Picture {
  /**
   * `on.select(process, row, cell)` and `on.hover(process, row, cell)` are told which cell is
   * looked at.
   */
  constructor(container, on) {
    this.container = container;
    this.on = on;
    this.cards = new Map();
    this.selection = null;
    this.zoom = 1;
    new ResizeObserver(() => this.relayout()).observe(container);
    window
      .matchMedia("(prefers-color-scheme: dark)")
      .addEventListener("change", () => this.relayout());
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
    for (const shown of [WINDOW, row])
      rows?.get(shown)?.element.scrollIntoView({ block: "nearest" });
  }

  open(id) {
    const card = this.cards.get(id);
    if (card) card.element.open = true;
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
    for (const card of cards)
      card.setTabStop(card === chosen ? card.rows.keys().next().value : null);
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
    const now =
      this.selection?.id === card.process.id && this.selection.row === view.row
        ? this.selection.cell
        : null;
    const target = now === null ? { row: view.row, cell: 0 } : step(card, view, now, event);
    if (!target) return;
    event.preventDefault();
    this.select(target.id ?? card.process.id, target.row, target.cell, true);
  }
}
