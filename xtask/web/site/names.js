// Which program a process runs. The kernel knows no names, so a process is recognised by its code:
// a page of its text that is present is compared with that page of each program in the boot
// archive.

import { P } from "./snapshot.js";

const PAGE = 4096;
const TEXT_TABLE = 2;

/**
 * The programs of a boot archive in ustar format: name, and the bytes that lie at each page of the
 * text.
 */
export function programs(archive) {
  const text = new TextDecoder();
  const field = (from, length) =>
    text.decode(archive.subarray(from, from + length)).replace(/\0.*$/s, "");
  const found = [];
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0;) {
    const size = parseInt(field(at + 124, 12), 8);
    const elf = archive.subarray(at + 512, at + 512 + size);
    const name = field(at, 100);
    if (name.startsWith("bin/")) found.push({ name: name.slice(4), page: pagesOf(elf) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}

/**
 * A function from the address of a page to its bytes, or null unless a segment fills the page from
 * the file.
 */
function pagesOf(elf) {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.length);
  const [table, size, count] = [
    view.getUint32(28, true),
    view.getUint16(42, true),
    view.getUint16(44, true),
  ];
  const segments = [];
  for (let index = 0; index < count; index++) {
    const word = (offset) => view.getUint32(table + index * size + offset, true);
    if (word(0) === 1) segments.push({ offset: word(4), address: word(8), length: word(16) });
  }
  return (address) => {
    const segment = segments.find(
      (it) => it.address <= address && address + PAGE <= it.address + it.length,
    );
    if (!segment) return null;
    const from = segment.offset + address - segment.address;
    return elf.subarray(from, from + PAGE);
  };
}

export class Names {
  constructor(archive) {
    this.programs = programs(archive);
    this.known = new Map();
  }

  /** The name of a process's program, or null as long as no page tells it. */
  of(process, memory) {
    // A new process may have an old one's id only after half a million others; its directory's
    // frame comes back sooner.
    const key = `${process.id} ${process.frame}`;
    if (!this.known.has(key)) {
      const name = this.recognise(process, memory);
      if (name === null) return null;
      this.known.set(key, name);
    }
    return this.known.get(key);
  }

  recognise(process, memory) {
    let candidates = this.programs;
    let compared = false;
    (process.tables.get(TEXT_TABLE) ?? []).forEach((entry, index) => {
      if (!(entry & P) || candidates.length < 2) return;
      const address = TEXT_TABLE * 1024 * PAGE + index * PAGE;
      const bytes = memory.read((entry >>> 12) * PAGE, PAGE);
      const fitting = candidates.filter(({ page }) => equal(page(address), bytes));
      if (fitting.length === 0) return;
      candidates = fitting;
      compared = true;
    });
    return compared && candidates.length === 1 ? candidates[0].name : null;
  }
}

function equal(one, other) {
  return one !== null && one.every((byte, at) => byte === other[at]);
}
