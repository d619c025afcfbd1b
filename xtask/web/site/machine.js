// The emulated machine: v86 with the real kernel and boot archive, a serial line, and an end.

import { V86 } from "./vendor/libv86.mjs";
import { Memory } from "./memory.js";

const MEMORY = 64 << 20;
const NEWLINE = 10;

/** Whether an error comes from the emulator and not from these pages, and what it means. */
function endOf(event) {
  if (event.error === "HALT" || /\bHALT\b/.test(event.message)) return "off";
  const fromEmulator = /libv86|v86\.wasm/.test(`${event.filename} ${event.error?.stack ?? ""}`);
  return fromEmulator || event.error instanceof WebAssembly.RuntimeError ? "panic" : null;
}

export class Machine {
  /**
   * Boots. `image` has `kernel` and `archive`, each an ArrayBuffer. `on.output(bytes)` gets what
   * the machine prints; `on.line(text)` is called in the moment in which the machine ends a line,
   * before it goes on; `on.end("off")` or `on.end("panic")` at its end.
   */
  constructor(image, on) {
    this.on = on;
    this.running = true;
    this.ended = false;
    this.waiting = [];
    this.line = "";
    this.emulator = new V86({
      wasm_path: new URL("vendor/v86.wasm", import.meta.url).href,
      memory_size: MEMORY,
      vga_memory_size: 1 << 20,
      multiboot: { buffer: image.kernel },
      initrd: { buffer: image.archive },
      cmdline: "",
      disable_keyboard: true,
      disable_mouse: true,
      disable_speaker: true,
      autostart: true,
    });
    this.memory = new Memory((physical, length) => this.emulator.read_memory(physical, length));
    this.emulator.add_listener("serial0-output-byte", (byte) => this.receive(byte));
    this.listener = (event) => this.fail(event);
    window.addEventListener("error", this.listener);
    window.addEventListener("unhandledrejection", this.listener);
  }

  /** Physical memory can be read. (`cpu.mem8` is internal to v86, whose version is pinned.) */
  get isReady() {
    return !this.ended && this.emulator.v86?.cpu?.mem8?.length > 0;
  }

  /** Types text on the serial line. */
  type(text) {
    if (!this.ended) this.emulator.serial0_send(text);
  }

  async pause() {
    this.running = false;
    await this.emulator.stop();
  }

  async goOn() {
    this.running = true;
    await this.emulator.run();
  }

  /**
   * Ends the machine for good. One that has stopped by itself cannot be asked any more, and is
   * dropped.
   */
  async destroy() {
    window.removeEventListener("error", this.listener);
    window.removeEventListener("unhandledrejection", this.listener);
    if (!this.ended) await this.emulator.destroy();
    this.ended = true;
  }

  receive(byte) {
    // A terminal is slow with single bytes: what comes within one turn of the browser goes there
    // together.
    if (this.waiting.length === 0) setTimeout(() => this.flush());
    this.waiting.push(byte);
    if (byte !== NEWLINE) {
      this.line += String.fromCharCode(byte);
      return;
    }
    const line = this.line;
    this.line = "";
    this.on.line(line);
  }

  flush() {
    const bytes = Uint8Array.from(this.waiting);
    this.waiting = [];
    this.on.output(bytes);
  }

  fail(event) {
    const end = endOf({
      error: event.error ?? event.reason,
      message: event.message ?? "",
      filename: event.filename ?? "",
    });
    if (end === null || this.ended) return;
    event.preventDefault();
    this.ended = true;
    this.flush();
    this.on.end(end);
  }
}
