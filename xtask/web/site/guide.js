// The list of exhibits: for each what to look at, a button, what came of it, and where to read on.

import { element } from "./dom.js";

export class Guide {
  /**
   * `lab` is what an exhibit may use; `showFrame(frame, select)` shows a moment and selects a cell
   * in it, both optional.
   */
  constructor(container, exhibits, lab, showFrame) {
    Object.assign(this, { container, lab, showFrame });
    for (const exhibit of exhibits) container.append(this.itemOf(exhibit));
  }

  itemOf(exhibit) {
    const item = element("details", "");
    item.name = "exhibit";
    item.id = `exhibit-${exhibit.id}`;
    const button = element("button", "", exhibit.action);
    button.type = "button";
    const result = element("div", "result");
    result.setAttribute("aria-live", "polite");
    const links = element("p", "links", "Read on: ");
    exhibit.links.forEach(([text, path], at) => {
      const link = element("a", "", text);
      link.href = `tree/${path}.html`;
      links.append(at ? ", " : "", link);
    });
    item.append(
      element("summary", "", exhibit.title),
      element("p", "look", exhibit.look),
      button,
      result,
      links,
    );
    button.addEventListener("click", () => this.run(exhibit, button, result));
    return item;
  }

  /** Runs an exhibit. No other can begin meanwhile: they share the shell. */
  async run(exhibit, button, result) {
    const buttons = this.container.querySelectorAll("details > button");
    result.textContent = "Running …";
    for (const other of buttons) other.disabled = true;
    try {
      this.show(result, await exhibit.run(this.lab));
    } catch (error) {
      result.textContent = error.message;
    }
    for (const other of buttons) other.disabled = false;
    button.focus({ preventScroll: true });
  }

  show(result, { text, frame, select, moments = [] }) {
    result.replaceChildren(element("p", "", text));
    if (frame || select) this.showFrame(frame, select);
    if (moments.length === 0) return;
    const list = element("ul", "moments");
    for (const { frame: moment, label } of moments) {
      const button = element("button", "", label);
      button.type = "button";
      button.addEventListener("click", () => this.showFrame(moment));
      const item = element("li", "");
      item.append(button);
      list.append(item);
    }
    result.append(list);
  }
}
