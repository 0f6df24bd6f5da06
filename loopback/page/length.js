// How much of Discord's 2,000 characters is left: shown near the end, as Discord shows it.

import { h } from "/page/dom.js";

export const MOST = 2000;
const NEAR = 200;

export class Length {
  #read;
  left = MOST;

  /** Counts what `read` returns, which is what would be sent, at each change of `field`. */
  constructor(field, read) {
    this.#read = read;
    this.element = h("span.length", { hidden: true });
    field.addEventListener("input", () => this.count());
    this.count();
  }

  count() {
    this.left = MOST - [...this.#read().trim()].length;
    this.element.hidden = this.left > NEAR;
    this.element.textContent = String(this.left);
    this.element.classList.toggle("over", this.left < 0);
    this.element.title = this.left < 0 ? `${-this.left} characters too many` : `${this.left} characters left`;
  }
}
