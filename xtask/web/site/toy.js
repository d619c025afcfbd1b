// The toy machine of docs/recursive-paging.md: 16 pages of 4 words, a directory register, and a TLB
// that forgets only what it is told to. `Toy` is the machine; `ToyStage` shows it, drawn as the big
// picture is.

import { classNamed } from "./classes.js";
import { draw, layOut } from "./strip.js";

const RADIX = 4;

/** The process of the document: frame number, contents, what it is. */
const FRAMES = [
  [1, [2, 0, 3, 1], "directory"],
  [2, [4, 5, 0, 0], "table under entry 0"],
  [3, [0, 6, 0, 0], "table under entry 2"],
  [4, [40, 41, 42, 43], "page 00"],
  [5, [50, 51, 52, 53], "page 01"],
  [6, [60, 61, 62, 63], "page 21"],
  [7, [0, 0, 0, 0], "free: a new table"],
  [8, [80, 81, 82, 83], "free: a new page"],
];

/** What is done, one step a press. `flush 31` is the step that can be left out. */
const STEPS = [
  ["read 211", "An ordinary read: directory, table, word."],
  ["read 321", "The entry of page 21 is read at 3·21: the directory served as a table."],
  ["write 331 7", "Page 12 gets a table: directory entry 1 is the word at 331."],
  ["write 312 8", "And the entry of page 12 is the word at 312."],
  ["read 120", "Page 12 is there."],
  ["write 312 0", "Page 12 is taken away again,"],
  ["write 331 0", "and so is its table."],
  ["flush 12", "The TLB forgets page 12."],
  ["flush 31", "The TLB forgets page 31, where the table could be read."],
  ["frame 7: 99 99 99 99", "Frame 7 is used again, for another process's secret."],
  ["read 312", "Can the old owner still read frame 7?"],
];
const OPTIONAL = "flush 31";
const LEFT_OUT = "So the TLB still has page 31, where the table could be read.";

export class Toy {
  constructor() {
    this.ram = Array.from({ length: 10 }, () => [0, 0, 0, 0]);
    for (const [number, words] of FRAMES) this.ram[number] = [...words];
    this.directory = 1;
    this.cache = new Map();
  }

  /** Finds the frame behind a page, or null for a fault, and says how. */
  walk(upper, lower) {
    const page = upper * RADIX + lower;
    if (this.cache.has(page))
      return { frame: this.cache.get(page), said: `cached ${this.cache.get(page)}` };
    const { frame, said } = this.lookUp(upper, lower);
    if (frame !== null) this.cache.set(page, frame);
    return { frame, said };
  }

  /** What the tables say, whatever is cached. */
  lookUp(upper, lower) {
    const table = this.ram[this.directory][upper];
    let said = `directory[${upper}] = ${table}`;
    if (table === 0) return { frame: null, said };
    const frame = this.ram[table][lower];
    said += `, table[${lower}] = ${frame}`;
    return { frame: frame || null, said };
  }

  /** Runs one line of the document, and returns what the machine says. */
  run(line) {
    const [what, where, ...rest] = line.split(" ");
    const digits = [...where].map(Number);
    switch (what) {
      case "frame":
        this.ram[parseInt(where, 10)] = rest.map(Number);
        return "";
      case "flush":
        this.cache.delete(digits[0] * RADIX + digits[1]);
        return "";
      default: {
        const { frame, said } = this.walk(digits[0], digits[1]);
        if (frame === null) return `${said}: fault`;
        if (what === "read") return `${said}, word ${digits[2]}: ${this.ram[frame][digits[2]]}`;
        this.ram[frame][digits[2]] = Number(rest[0]);
        return `${said}, word ${digits[2]}`;
      }
    }
  }

  /** Whether the TLB has a page, and whether it is still what the tables say. */
  cached(page) {
    if (!this.cache.has(page)) return null;
    const frame = this.cache.get(page);
    return { frame, isStale: frame !== this.lookUp(Math.floor(page / RADIX), page % RADIX).frame };
  }
}

export class ToyStage {
  constructor(element) {
    this.element = element;
    element.innerHTML = `
      <h3>The toy machine</h3>
      <p>An address has three digits from 0 to 3: directory index, table index, word. Directory
        entry 3 names the directory itself. An entry is a frame's number; 0 is absent.</p>
      <p class="controls">
        <button type="button" data-do="next">Next step</button>
        <button type="button" data-do="reset" class="quiet">Begin again</button>
        <label><input type="checkbox"> leave out the flush of page 31</label>
      </p>
      <div class="toy"><div class="frames"></div><figure><canvas class="tlb"></canvas>
        <figcaption>The TLB: page 00 at the top left, 33 at the bottom right. A number is the frame
          that is cached: blue as the tables say,
          <b>orange if stale</b>.</figcaption></figure></div>
      <ol class="log" aria-live="polite"></ol>`;
    this.checkbox = element.querySelector("input");
    element.querySelector("[data-do=next]").addEventListener("click", () => this.next());
    element.querySelector("[data-do=reset]").addEventListener("click", () => this.reset());
    this.frames = FRAMES.map(([number, , name]) => {
      const row = document.createElement("div");
      const canvas = document.createElement("canvas");
      row.append(canvas, Object.assign(document.createElement("span"), { textContent: "" }));
      element.querySelector(".frames").append(row);
      return { number, canvas, row, name };
    });
    new ResizeObserver(() => this.draw()).observe(element);
    this.reset();
  }

  reset() {
    this.toy = new Toy();
    this.at = 0;
    this.element.querySelector(".log").replaceChildren();
    this.draw();
  }

  next() {
    if (this.at === STEPS.length) this.reset();
    const [line, why] = STEPS[this.at++];
    const isLeftOut = line === OPTIONAL && this.checkbox.checked;
    const said = isLeftOut ? "left out" : this.toy.run(line);
    const item = document.createElement("li");
    item.append(
      Object.assign(document.createElement("code"), { textContent: `${line}  ${said}` }),
      Object.assign(document.createElement("span"), {
        textContent: `  ${isLeftOut ? LEFT_OUT : why}`,
      }),
    );
    if (this.at === STEPS.length) {
      item.append(
        said.endsWith("fault")
          ? " No: without a translation the machine looks into the directory, and faults."
          : " Yes: the stale translation of page 31 leads to it: one entry was two things at once.",
      );
    }
    this.element.querySelector(".log").append(item);
    this.draw();
  }

  draw() {
    if (this.element.hidden) return;
    for (const { number, canvas, row, name } of this.frames) {
      const words = this.toy.ram[number];
      const isTable = number <= 3 || number === 7;
      const grid = layOut(canvas, RADIX, RADIX, 160, 34);
      draw(canvas, grid, (at) => {
        const shown = words[at] === 0 ? "." : number === 1 && at === 3 ? "@" : isTable ? "t" : "a";
        return { ...classNamed(shown), text: String(words[at]) };
      });
      const isSecret = words[0] === 99;
      row.classList.toggle("secret", isSecret);
      const use = isSecret ? "another process's secret" : name;
      row.lastChild.textContent = `frame ${number}: ${use}`;
    }
    const tlb = this.element.querySelector(".tlb");
    draw(tlb, layOut(tlb, RADIX * RADIX, RADIX, 160, 40), (page) => {
      const cached = this.toy.cached(page);
      if (!cached) return { ...classNamed("."), text: "" };
      return { ...classNamed(cached.isStale ? "d" : "a"), text: String(cached.frame) };
    });
  }
}
