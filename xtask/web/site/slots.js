// Where the tables appear, computed for any slot of the self map, with Windows's 0x300 and
// Vitrine's two beside it.

import { classNamed } from "./classes.js";
import { draw, layOut } from "./strip.js";
import { hex } from "./translation.js";

const SPAN = 0x400000;

/** The addresses that follow from a slot. All arithmetic is modulo 2^32. */
export function slotAddresses(slot) {
  const tables = (slot * SPAN) >>> 0;
  const directory = (tables + slot * 4096) >>> 0;
  return {
    tables,
    directory,
    selfEntry: (directory + 4 * slot) >>> 0,
    entryOf: (address) => (tables + 4 * (address >>> 12)) >>> 0,
    directoryEnd: (directory + 4096) >>> 0,
    end: (tables + SPAN) >>> 0,
  };
}

const KNOWN = [
  [0x300, "Windows without PAE: from 0xC0000000 on, and the kernel around it"],
  [0x3bd, "Vitrine's programs, as in MIT JOS: read-only, with U"],
  [0x3ff, "Vitrine's kernel: writable, without U"],
];

export class SlotsStage {
  constructor(element) {
    this.element = element;
    element.innerHTML = `
      <h3>A slot decides every address</h3>
      <p class="controls"><label>another slot
        <input type="text" value="0x200" size="6" spellcheck="false"></label></p>
      <canvas class="strip"></canvas>
      <p class="rest">The 1,024 directory entries; the slots of the table are marked.</p>
      <div class="wide" tabindex="0" role="region" aria-label="Addresses for each slot">
        <table><thead><tr><th>slot</th>
        <th>tables from</th><th>directory</th><th>its own entry</th><th>entry of 0x00800000</th>
        <th>end of the directory</th><th></th></tr></thead><tbody></tbody></table></div>`;
    this.input = element.querySelector("input");
    this.input.addEventListener("input", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(element);
    this.draw();
  }

  draw() {
    if (this.element.hidden) return;
    const text = this.input.value.trim();
    const typed = /^(0x[0-9a-f]+|[0-9]+)$/i.test(text) ? Number(text) : NaN;
    const isSlot = typed < 1024;
    this.input.setAttribute("aria-invalid", String(!isSlot));
    const rows =
      isSlot && !KNOWN.some(([slot]) => slot === typed)
        ? [...KNOWN, [typed, "typed above"]]
        : KNOWN;
    this.element.querySelector("tbody").innerHTML = rows
      .map(([slot, remark]) => {
        const at = slotAddresses(slot);
        const wraps =
          at.directoryEnd === 0
            ? " <strong>wraps to 0: no end pointer can be compared</strong>"
            : "";
        return `<tr><th scope="row">${hex(slot, 3)}</th>
        <td>${hex(at.tables)}</td><td>${hex(at.directory)}</td>
        <td>${hex(at.selfEntry)}</td><td>${hex(at.entryOf(0x800000))}</td>
        <td>${hex(at.directoryEnd)}${wraps}</td>
        <td class="remark">${remark}</td></tr>`;
      })
      .join("");
    const canvas = this.element.querySelector("canvas");
    const width = this.element.clientWidth - 32;
    if (width <= 0) return;
    const marked = new Set(rows.map(([slot]) => slot));
    draw(canvas, layOut(canvas, 1024, width >= 500 ? 128 : 64, width), (at) =>
      classNamed(marked.has(at) ? "@" : "."),
    );
  }
}
