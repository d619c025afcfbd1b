// Which processes there are, as the kernel's table for debuggers says it (docs/debugging.md).

import { DEBUG_TABLE } from "./generated.js";

const MAGIC = 0x52544956;
const VERSION = 1;
/** Physical address 0 lies at this address of the kernel's half. */
const KERNEL_BASE = 0xf0000000;

/** Offsets in the table for debuggers. */
const AT = {
  magic: 0x00,
  version: 0x04,
  kernelDirectory: 0x0c,
  slots: 0x10,
  slotSize: 0x14,
  slotCount: 0x18,
  slotState: 0x1c,
  slotDirectory: 0x20,
  records: 0x2c,
};
/** A record of UENVS. */
const RECORD = { size: 124, id: 72, parent: 76, status: 84 };

/** The first state of a process that has ended: its tables are being freed. */
const DYING = 12;

/** Says that this page and this kernel do not belong together. */
export class WrongKernel extends Error {}

/**
 * The processes that have an address space: id, parent's id, frame of the directory. None before
 * the end of the boot.
 */
export function processes(memory) {
  const table = DEBUG_TABLE - KERNEL_BASE;
  const word = (offset) => memory.word(table + offset);
  if (word(AT.magic) === 0) return [];
  if (word(AT.magic) !== MAGIC || word(AT.version) !== VERSION) {
    throw new WrongKernel(
      "The kernel's table for debuggers is not of the version that this page reads.",
    );
  }
  const kernel = word(AT.kernelDirectory);
  const count = word(AT.slotCount);
  const records = memory.bytesAt(kernel, word(AT.records), count * RECORD.size);
  if (records === null) return [];
  const view = new DataView(records.buffer);
  const found = [];
  for (let index = 0; index < count; index++) {
    const record = (offset) => view.getUint32(index * RECORD.size + offset, true);
    if (record(RECORD.status) === 0) continue;
    const slot = word(AT.slots) + index * word(AT.slotSize);
    const state = memory.bytesAt(kernel, slot + word(AT.slotState), 1)?.[0] ?? 0;
    if (state === 0 || state >= DYING) continue;
    const frame = memory.bytesAt(kernel, slot + word(AT.slotDirectory), 4);
    found.push({
      id: record(RECORD.id),
      parent: record(RECORD.parent),
      frame: new DataView(frame.buffer).getUint32(0, true),
    });
  }
  return found;
}
