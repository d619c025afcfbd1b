// Runs one machine in v86: node v86.mjs PACKAGE MEMORY-IN-MIB COMMAND-LINE KERNEL [ARCHIVE].
//
// The serial line is standard input and output. The status is QEMU's with the device
// isa-debug-exit: `value * 2 + 1` after the guest has written `value` to port 0xF4. If v86 itself
// fails, the last line says how, and the status is 70.

import { readFileSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

const EXIT_PORT = 0xf4;
const BROKEN = 70;

const [folder, memory, commandLine, kernel, archive] = process.argv.slice(2);

// Synchronous, so that no output is lost when the process ends. A pipe that is full says EAGAIN.
function print(bytes) {
    for (let sent = 0; sent < bytes.length; ) {
        try {
            sent += writeSync(1, bytes, sent);
        } catch (error) {
            if (error.code !== "EAGAIN") process.exit(BROKEN);
        }
    }
}

// What v86 says before it fails: the second line is its sentence, after the line with the place.
let said = [];
console.error = (...words) => said.push(...words.join(" ").trim().split("\n"));
console.log = () => {};

function fail(error) {
    const sentence = said.filter((line) => line && !line.startsWith("panicked at")).pop();
    print(Buffer.from(`\nv86 itself failed: ${sentence ?? error}\n`));
    process.exit(BROKEN);
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

// The guest's time is a function of the instructions that it has run, as with QEMU's -icount: a
// busy host makes no difference, and every boot is the same. v86 takes its time from `performance`
// when it is loaded.
const INSTRUCTIONS_PER_MS = 200_000;
let counter; // v86's count of instructions, a 32-bit number
let counted = 0;
let now = 0;
function time() {
    if (counter) {
        now += ((counter[0] - counted) >>> 0) / INSTRUCTIONS_PER_MS;
        counted = counter[0];
    }
    return now;
}
// Not by an assignment, because some versions of Node.js have a property here that takes none.
Object.defineProperty(globalThis, "performance", { value: { now: time } });

const { V86 } = await import(pathToFileURL(`${folder}/build/libv86.mjs`).href);

// v86 takes a buffer whose first byte is the file's; Node.js reads small files into a shared one.
const image = (file) => ({ buffer: new Uint8Array(readFileSync(file)).buffer });

const emulator = new V86({
    wasm_path: `${folder}/build/v86.wasm`,
    memory_size: Number(memory) * 1024 * 1024,
    vga_memory_size: 1024 * 1024,
    multiboot: image(kernel),
    initrd: archive && image(archive),
    cmdline: commandLine,
    autostart: false,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
});

emulator.add_listener("serial0-output-byte", (byte) => print(Buffer.from([byte])));

emulator.add_listener("emulator-loaded", () => {
    // v86's own port 0xF4 would print a line of its own and throw.
    emulator.v86.cpu.io.register_write(EXIT_PORT, null, (value) => process.exit(value * 2 + 1));
    process.stdin.on("data", (keys) => emulator.serial0_send(keys.toString("latin1")));
    counter = emulator.v86.cpu.instruction_counter;
    // While the guest is idle, v86 would sleep until its next timer is due: time goes on at once
    // instead. It takes a step of a microsecond at least, because a timer whose time has just come
    // is due only a moment later.
    emulator.v86.yield = (milliseconds, tick) => {
        now += Math.max(milliseconds, 0.001);
        setImmediate(() => emulator.v86.yield_callback(tick));
    };
    emulator.run();
});
