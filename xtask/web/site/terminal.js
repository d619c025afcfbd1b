// The terminal: xterm on the machine's serial line, and a reader of what the shell prints.

import { FitAddon } from "./vendor/addon-fit.mjs";
import { Terminal } from "./vendor/xterm.mjs";

const PROMPT = /vitrine> $/;
/** Sequences that only move the cursor or set a colour: no text. */
const SEQUENCES = /\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r/g;

const THEMES = {
  light: {
    background: "#fdfcf9",
    foreground: "#1d2126",
    cursor: "#1d2126",
    selectionBackground: "#c3e1f5",
  },
  dark: {
    background: "#14171b",
    foreground: "#e4e6e9",
    cursor: "#e4e6e9",
    selectionBackground: "#2f5876",
  },
};

export class Console {
  /** `on.input(text)` gets what is typed; `on.leave()` is called by F6. */
  constructor(element, on) {
    this.text = "";
    this.decoder = new TextDecoder();
    this.listeners = new Set();
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const fontSize = () => (element.clientWidth < 480 ? 11 : 12);
    const theme = () => THEMES[dark.matches ? "dark" : "light"];
    this.terminal = new Terminal({
      fontFamily: "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
      fontSize: fontSize(),
      scrollback: 2000,
      convertEol: true,
      screenReaderMode: true,
      minimumContrastRatio: 4.5,
      theme: theme(),
    });
    dark.addEventListener("change", () => {
      this.terminal.options.theme = theme();
    });
    const fit = new FitAddon();
    this.terminal.loadAddon(fit);
    this.terminal.open(element);
    this.terminal.textarea.setAttribute("aria-label", "Terminal of the machine. F6 leaves it.");
    fit.fit();
    new ResizeObserver(() => {
      this.terminal.options.fontSize = fontSize();
      fit.fit();
    }).observe(element);
    this.terminal.onData((data) => on.input(data));
    // Tab belongs to the shell, so another key must lead out of the terminal.
    this.terminal.attachCustomKeyEventHandler((event) => {
      if (event.key === "F6") {
        if (event.type === "keydown") on.leave();
        event.preventDefault();
        return false;
      }
      return !(event.key === "Tab" && event.shiftKey);
    });
  }

  write(bytes) {
    this.terminal.write(bytes);
    this.text = (
      this.text + this.decoder.decode(bytes, { stream: true }).replace(SEQUENCES, "")
    ).slice(-65536);
    for (const listener of this.listeners) listener();
  }

  clear() {
    this.terminal.reset();
    this.text = "";
  }

  /** The shell waits for a command. */
  get isAtPrompt() {
    return PROMPT.test(this.text);
  }

  /** The last line that has ended. */
  get lastLine() {
    return this.text.trimEnd().split("\n").pop();
  }

  /**
   * Resolves when `isTrue()` holds after something was printed, with false if `signal` is aborted
   * before.
   */
  until(isTrue, signal) {
    return new Promise((resolve) => {
      const settle = (value) => {
        this.listeners.delete(look);
        resolve(value);
      };
      const look = () => {
        if (isTrue()) settle(true);
      };
      this.listeners.add(look);
      signal?.addEventListener("abort", () => settle(false));
      look();
    });
  }

  focus() {
    this.terminal.focus();
  }
}
