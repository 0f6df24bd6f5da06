// A list of suggestions below or above a text field: arrows choose, Enter or Tab takes, Escape leaves.

import { h } from "/page/dom.js";

const MOST = 100;

let number = 0;

export class Suggestions {
  #field;
  #items = [];
  #at = 0;

  /** `field` keeps the focus; `take(item)` is called with what was chosen. Items have `label` and may have `hint`, `options` and `detail`. */
  constructor(field, label, take) {
    number += 1;
    this.#field = field;
    this.take = take;
    this.list = h("ul.suggestions", { role: "listbox", id: `suggestions-${number}`, "aria-label": label, hidden: true });
    field.setAttribute("aria-autocomplete", "list");
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the field keeps the focus
      const at = [...this.list.children].indexOf(event.target.closest("li"));
      if (at >= 0) this.#choose(at);
    });
  }

  get open() {
    return !this.list.hidden;
  }

  show(items) {
    this.#items = items.slice(0, MOST);
    this.#at = 0;
    this.list.replaceChildren(
      ...this.#items.map((item, at) =>
        h(
          "li",
          { role: "option", id: `${this.list.id}-${at}` },
          h("span.name", {}, item.label),
          (item.options ?? []).map((name) => h("span.option", {}, name)),
          item.hint ? h("span.hint", {}, item.hint) : null,
          item.detail ? h("span.detail", {}, item.detail) : null,
        ),
      ),
    );
    this.list.hidden = this.#items.length === 0;
    this.#mark();
  }

  close() {
    this.show([]);
  }

  /** Take a key; true if it was meant for the list. */
  key(event) {
    if (!this.open) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.#at = (this.#at + step + this.#items.length) % this.#items.length;
      this.#mark();
    } else if (event.key === "Enter" || event.key === "Tab") this.#choose(this.#at);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #choose(at) {
    const item = this.#items[at];
    this.close();
    this.take(item);
  }

  #mark() {
    [...this.list.children].forEach((one, at) => one.setAttribute("aria-selected", String(at === this.#at)));
    const active = this.open ? this.list.children[this.#at] : null;
    active?.scrollIntoView({ block: "nearest" });
    if (active) {
      this.#field.setAttribute("aria-activedescendant", active.id);
      this.#field.setAttribute("aria-controls", this.list.id);
    } else {
      this.#field.removeAttribute("aria-activedescendant");
      this.#field.removeAttribute("aria-controls");
    }
  }
}
