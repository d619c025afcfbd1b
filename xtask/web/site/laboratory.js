// The laboratory: ties machine, terminal, picture, history and exhibits together.

import { classes } from "./classes.js";
import { EXHIBITS } from "./exhibits.js";
import { Guide } from "./guide.js";
import { History } from "./history.js";
import { Inspector } from "./inspector.js";
import { Machine } from "./machine.js";
import { Names } from "./names.js";
import { Picture } from "./picture.js";
import { WrongKernel } from "./processes.js";
import { asText, countsBelowUtop, takeSnapshot, WINDOW } from "./snapshot.js";
import { SlotsStage } from "./slots.js";
import { draw, layOut } from "./strip.js";
import { Console } from "./terminal.js";
import { Timeline } from "./timeline.js";
import { ToyStage } from "./toy.js";

const byId = (id) => document.getElementById(id);
const ui = Object.fromEntries(
  [
    "status",
    "notice",
    "notice-text",
    "restart",
    "terminal",
    "pause",
    "live",
    "slider",
    "moment",
    "play",
    "zoom",
    "go",
    "address",
    "processes",
    "steps",
    "bits",
    "announcer",
    "legend",
    "exhibits",
    "toy",
    "slots",
  ].map((id) => [id, byId(id)]),
);

const ENDS = {
  off: "The machine is off.",
  panic:
    "The emulator stopped, not the kernel: v86 cannot deliver every fault " +
    "(a software interrupt from ring 3 is one).",
};

const history = new History();
const timeline = new Timeline(history, ui);
const stages = { toy: new ToyStage(ui.toy), slots: new SlotsStage(ui.slots) };
const inspector = new Inspector(ui);
const picture = new Picture(ui.processes, {
  select: (process, row, cell) => inspector.select(process, row, cell),
  hover: (process, row, cell) => inspector.hover(process, row, cell),
});
const terminal = new Console(ui.terminal, {
  input: (text) => machine?.type(text),
  leave: () => (ui.processes.querySelector("canvas.strip[tabindex='0']") ?? ui.pause).focus(),
});

let image = null;
let machine = null;
let names = null;
/** Work that ends when the machine does. */
let life = new AbortController();
/** A recording is on: a snapshot is taken after each turn of the emulator. */
let recording = false;
/** What a walk over all tables has cost, in milliseconds: the last ones. */
const walks = [];

async function fetchBuffer(path) {
  const answer = await fetch(new URL(path, import.meta.url));
  if (!answer.ok) throw new Error(`${path} is not there (${answer.status})`);
  return answer.arrayBuffer();
}

async function boot() {
  ui.status.textContent = "Loading the machine …";
  image ??= { kernel: await fetchBuffer("kernel.elf"), archive: await fetchBuffer("boot.tar") };
  names ??= new Names(new Uint8Array(image.archive));
  life = new AbortController();
  history.clear();
  terminal.clear();
  ui.notice.hidden = true;
  ui.pause.disabled = false;
  ui.status.textContent = "Booting …";
  machine = new Machine(
    { kernel: image.kernel.slice(0), archive: image.archive.slice(0) },
    {
      output: (bytes) => terminal.write(bytes),
      line: (text) => sample(text),
      end,
    },
  );
  showPause();
  if (await terminal.until(() => terminal.isAtPrompt, life.signal)) ui.status.textContent = "";
}

function end(how) {
  life.abort();
  recording = false;
  ui["notice-text"].textContent = ENDS[how];
  ui.notice.hidden = false;
  ui.status.textContent = "";
  ui.pause.disabled = true;
}

async function restart() {
  await machine?.destroy();
  await boot();
  terminal.focus();
}

/** Takes a snapshot and keeps it if it is another than the last one. */
function sample(label = "") {
  if (!machine?.isReady) return;
  const start = performance.now();
  let processes;
  try {
    processes = takeSnapshot(machine.memory, history.newest?.processes ?? null);
  } catch (error) {
    if (!(error instanceof WrongKernel)) throw error;
    ui.status.textContent = error.message;
    return;
  }
  walks.push(performance.now() - start);
  if (walks.length > 240) walks.shift();
  if (processes.length > 0) {
    for (const process of processes) process.name ??= names.of(process, machine.memory);
    history.add(processes, label.trim());
  }
}

/** The frame that is on the page. */
let drawn = null;

function render() {
  const frame = history.shown;
  if (frame && frame !== drawn) {
    drawn = frame;
    picture.show(frame.processes);
    inspector.refresh(frame.processes);
  }
  timeline.render();
}

/** Once for each frame of the browser: at most 60 times a second. */
function tick() {
  if (machine?.running) sample();
  render();
  requestAnimationFrame(tick);
}

function showPause() {
  ui.pause.textContent = machine.running ? "Pause" : "Go on";
}

async function togglePause() {
  await (machine.running ? machine.pause() : machine.goOn());
  sample();
  showPause();
}

/** Goes to the cell of an address, in the process that is selected or in the last one. */
function goTo(text) {
  const isNumber = /^(0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(text.trim());
  const address = isNumber ? Number(text) : NaN;
  ui.address.setAttribute("aria-invalid", String(!(address < 2 ** 32)));
  if (!(address < 2 ** 32)) return;
  const processes = history.shown?.processes ?? [];
  const id = picture.selection?.id;
  const process = processes.find((it) => it.id === id) ?? processes.at(-1);
  if (process) picture.select(process.id, address >>> 22, (address >>> 12) & 1023, true);
}

/** What an exhibit may do. */
const lab = {
  /** The shell's process. */
  shell() {
    const { processes } = history.newest;
    return processes.find(({ name }) => name === "sh") ?? processes.at(-1);
  },

  /** Types a command, records until the prompt is back, and returns the frames. */
  async run(command) {
    if (!machine || machine.ended) throw new Error("The machine is off: start it again first.");
    if (!machine.running) await togglePause();
    if (!terminal.isAtPrompt) throw new Error("The shell is busy: wait for its prompt.");
    timeline.live();
    closeStages();
    const before = history.newest;
    // The programs of the exhibit are to be side by side, and not beside the shell.
    picture.close(lab.shell().id);
    recording = true;
    recordOften();
    terminal.text = "";
    machine.type(`${command}\r`);
    const isDone = await terminal.until(() => terminal.isAtPrompt, life.signal);
    recording = false;
    sample();
    if (!isDone) throw new Error("The machine ended before the program did.");
    const from = Math.max(0, history.frames.indexOf(before));
    return { before, frames: history.frames.slice(from + 1), text: terminal.text };
  },

  /** Opens the toy machine or the table of slots. */
  stage(name) {
    closeStages();
    stages[name].element.hidden = false;
    stages[name].draw();
    // The translation of a cell would hide the lower half of what was opened.
    picture.deselect();
    inspector.deselect();
    stages[name].element.scrollIntoView({ block: "nearest" });
    return { text: "It is open above the picture." };
  },
};

/** Makes room for what comes next: the toy machine would push the picture out of sight. */
function closeStages() {
  for (const { element } of Object.values(stages)) element.hidden = true;
}

/** Takes a snapshot after each turn of the emulator, which lasts a millisecond or so. */
const channel = new MessageChannel();
channel.port1.onmessage = () => {
  if (!recording) return;
  sample();
  channel.port2.postMessage(0);
};
const recordOften = () => channel.port2.postMessage(0);

/** Shows a moment, if one is given, and selects a cell in it. */
function showFrame(frame, select) {
  if (frame) timeline.choose(history.frames.indexOf(frame));
  closeStages();
  render();
  if (!select) return;
  picture.select(select.id, select.row, select.cell);
  picture.reveal(select.id, select.row);
}

/** What the legend explains: each class with its colour, its mark and its letter. */
function drawLegend() {
  ui.legend.replaceChildren(
    ...classes.map((shown) => {
      const term = document.createElement("dt");
      const canvas = document.createElement("canvas");
      canvas.setAttribute("aria-hidden", "true");
      const letter = Object.assign(document.createElement("code"), { textContent: shown.letter });
      term.append(canvas, letter, ` ${shown.name}`);
      requestAnimationFrame(() => draw(canvas, layOut(canvas, 1, 1, 13), () => shown));
      const meaning = Object.assign(document.createElement("dd"), { textContent: shown.meaning });
      const entry = document.createElement("div");
      entry.append(term, meaning);
      return entry;
    }),
  );
}

ui.restart.addEventListener("click", restart);
ui.pause.addEventListener("click", togglePause);
// An exhibit has closed the shell; without its programs, nothing would be in sight.
ui.live.addEventListener("click", () => {
  if (history.newest) picture.open(lab.shell().id);
});
ui.zoom.addEventListener("change", () => {
  picture.setZoom(Number(ui.zoom.value));
  if (picture.selection) picture.reveal(picture.selection.id, picture.selection.row);
});
ui.go.addEventListener("submit", (event) => {
  event.preventDefault();
  goTo(ui.address.value);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "F6" || event.defaultPrevented) return;
  event.preventDefault();
  terminal.focus();
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  drawLegend();
  for (const stage of Object.values(stages)) stage.draw();
});
new Guide(ui.exhibits, EXHIBITS, lab, showFrame);
drawLegend();

/** For tests and for the curious at the browser's console. */
window.laboratory = {
  history,
  picture,
  terminal,
  lab,
  asText,
  countsBelowUtop,
  WINDOW,
  walks,
  get machine() {
    return machine;
  },
};

requestAnimationFrame(tick);
await boot();
