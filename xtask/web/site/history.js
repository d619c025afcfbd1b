// The last snapshots, and which of them is shown: the newest ("live"), or one that was chosen with
// the slider.

/**
 * Frames that are kept. Equal tables are shared, so a frame costs little more than what has
 * changed.
 */
const KEPT = 1500;

export class History {
  constructor() {
    this.frames = [];
    /** The frame that is shown, or null: always the newest. */
    this.chosen = null;
  }

  get newest() {
    return this.frames.at(-1) ?? null;
  }

  get shown() {
    return this.chosen ?? this.newest;
  }

  /** The position of the frame that is shown. */
  get at() {
    return this.frames.indexOf(this.shown);
  }

  /**
   * Adds a snapshot if it differs from the newest, or if the machine has just ended a line,
   * `label`.
   */
  add(processes, label = "") {
    if (this.newest?.processes === processes && !label) return;
    this.frames.push({ processes, label });
    if (this.frames.length > KEPT) {
      const dropped = this.frames.shift();
      if (dropped === this.chosen) this.chosen = this.frames[0];
    }
  }

  choose(at) {
    this.chosen = this.frames[Math.max(0, Math.min(at, this.frames.length - 1))] ?? null;
  }

  live() {
    this.chosen = null;
  }

  clear() {
    this.frames = [];
    this.chosen = null;
  }
}
