// Reads the machine's physical memory. Nothing here changes it.

const PAGE = 4096;

export class Memory {
  /**
   * `read(physical, length)` returns bytes; the array may be a view of memory that changes later.
   */
  constructor(read) {
    this.read = read;
  }

  /** The 32-bit word at a physical address. */
  word(physical) {
    return this.words(physical, 1)[0];
  }

  /** A copy of `count` words from a physical address that is a multiple of 4. */
  words(physical, count) {
    const bytes = this.read(physical, 4 * count);
    return new Uint32Array(bytes.buffer, bytes.byteOffset, count).slice();
  }

  /** A copy of the 1,024 words of a table in a frame. */
  table(frame) {
    return this.words(frame * PAGE, 1024);
  }

  /**
   * The physical address behind a virtual one, or null. `directory` is the directory's physical
   * address.
   */
  translate(directory, address) {
    const upper = this.word(directory + 4 * (address >>> 22));
    if (!(upper & 1)) return null;
    const lower = this.word((upper >>> 12) * PAGE + 4 * ((address >>> 12) & 1023));
    return lower & 1 ? (lower >>> 12) * PAGE + (address & 4095) : null;
  }

  /** Bytes behind virtual addresses, page by page, or null if a page is absent. */
  bytesAt(directory, address, length) {
    const copy = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const part = Math.min(length - done, PAGE - ((address + done) & 4095));
      const physical = this.translate(directory, address + done);
      if (physical === null) return null;
      copy.set(this.read(physical, part), done);
      done += part;
    }
    return copy;
  }
}
