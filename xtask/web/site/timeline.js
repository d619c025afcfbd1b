// The controls of the history: a slider, a way back to the newest moment, and playing.

/** Milliseconds between two frames that are played. */
const PLAY_STEP = 120;

export class Timeline {
  /** `ui` has the slider, the buttons `play` and `live`, and the text `moment`. */
  constructor(history, ui) {
    Object.assign(this, { history, ui });
    this.player = null;
    this.said = null;
    ui.play.addEventListener("click", () => this.togglePlay());
    ui.slider.addEventListener("input", () => this.choose(Number(ui.slider.value)));
    ui.live.addEventListener("click", () => this.live());
  }

  choose(at) {
    this.stop();
    this.history.choose(at);
  }

  live() {
    this.stop();
    this.history.live();
  }

  stop() {
    clearInterval(this.player);
    this.player = null;
    this.ui.play.textContent = "Play";
  }

  /** Plays from the moment that is shown, or from the beginning. */
  togglePlay() {
    if (this.player !== null) {
      this.stop();
      return;
    }
    const { history } = this;
    if (!history.chosen) history.choose(0);
    this.ui.play.textContent = "Stop";
    this.player = setInterval(() => {
      if (history.at < history.frames.length - 1) history.choose(history.at + 1);
      else this.live();
    }, PLAY_STEP);
  }

  /** Says where in the history the picture is. */
  render() {
    const { history, ui } = this;
    const last = Math.max(0, history.frames.length - 1);
    const where = history.chosen ? `${history.at + 1} of ${last + 1}` : "live";
    const label = history.shown?.label;
    const text = label ? `${where}: ${label}` : where;
    const said = `${last} ${text}`;
    if (said === this.said) return;
    this.said = said;
    ui.slider.max = last;
    ui.slider.value = history.at;
    ui.slider.setAttribute("aria-valuetext", text);
    ui.moment.textContent = text;
    ui.live.setAttribute("aria-pressed", String(!history.chosen));
  }
}
