// The inspector: the translation of the selected page in words, and the bits of the entry under the
// pointer or the keys.

import { classOf } from "./classes.js";
import { entriesOf } from "./snapshot.js";
import { addressOf, flagNames, hex, translate } from "./translation.js";

/**
 * What the manual calls the low bits (Intel SDM vol. 3A, table 4-6), and Vitrine's bits 8 to 11.
 */
const BITS = ["P", "W", "U", "PWT", "PCD", "A", "D", "7", "8", "9", "10", "11"];

export class Inspector {
  constructor({ steps, bits, announcer }) {
    Object.assign(this, { steps, bits, announcer });
    this.element = steps.parentElement;
    this.invitation = steps.textContent;
    this.selected = null;
    this.bits.replaceChildren(
      ...BITS.map((name, bit) => {
        const box = document.createElement("li");
        box.append(Object.assign(document.createElement("abbr"), { textContent: name }));
        box.dataset.bit = bit;
        return box;
      }),
    );
    this.caption = document.createElement("p");
    this.bits.before(this.caption);
    this.showEntry(null);
  }

  select(process, row, cell) {
    this.selected = { process, row, cell };
    this.element.classList.add("active");
    const { lines } = translate(process, addressOf(row, cell));
    this.steps.textContent = lines.join("\n");
    this.showEntry(process, row, cell);
    this.announcer.textContent = this.caption.textContent;
  }

  deselect() {
    this.selected = null;
    this.element.classList.remove("active");
    this.steps.textContent = this.invitation;
    this.showEntry(null);
  }

  hover(process, row, cell) {
    if (process) this.showEntry(process, row, cell);
    else if (this.selected)
      this.showEntry(this.selected.process, this.selected.row, this.selected.cell);
    else this.showEntry(null);
  }

  /** After a change, says the same cell's new words. */
  refresh(processes) {
    if (!this.selected) return;
    const { process, row, cell } = this.selected;
    const now = processes.find(({ id }) => id === process.id);
    if (now === process) return;
    if (!now) {
      this.steps.textContent = `Process ${hex(process.id).slice(2)} has ended.`;
      return;
    }
    this.selected.process = now;
    this.steps.textContent = translate(now, addressOf(row, cell)).lines.join("\n");
    this.showEntry(now, row, cell);
  }

  showEntry(process, row, cell) {
    const words = process && entriesOf(process, row);
    if (process && !words) {
      this.caption.textContent = `Row ${hex(row, 3)} has no table.`;
    } else if (process) {
      const word = words[cell];
      const { name, meaning } = classOf(row, cell, word);
      const names = flagNames(row, word).join(", ");
      this.caption.textContent =
        `${hex(addressOf(row, cell))}, entry ${hex(word)}: ${name}, ${meaning}.` +
        (names ? ` Bits: ${names}.` : "");
    } else {
      this.caption.textContent =
        "Point at a cell, or reach a row by Tab and move with the arrow keys.";
    }
    const word = words?.[cell] ?? 0;
    for (const box of this.bits.children) {
      box.classList.toggle("set", Boolean(word & (1 << box.dataset.bit)));
    }
  }
}
