// The messages of one place: a window on its end, that grows upwards, and stays at the bottom only if it was there.

import { h, icon, older } from "/page/dom.js";
import { Row } from "/page/message.js";
import { dayOf } from "/page/times.js";

const NEAR = 80; // pixels from an end that count as being there
const MOST = 400; // rows kept while one reads the newest

export class MessageList {
  #app;
  #rows = new Map();
  #more = false;
  #loading = null;
  #current = null;
  #channel = null;
  #stuck = true;
  #top = 0;

  constructor(app) {
    this.#app = app;
    this.list = h("ol.messages", { "aria-label": "Messages" });
    this.begin = h("div.begin");
    this.scroller = h("div.scroller", { role: "region", "aria-label": "Messages", tabindex: -1 }, this.begin, this.list);
    this.jump = h("button.jump", { type: "button", hidden: true, onclick: () => this.toEnd() }, icon("down"), "Newest messages");
    this.element = h("div.list", {}, this.scroller, this.jump);
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.list.addEventListener("keydown", (event) => this.#walk(event));
    this.list.addEventListener("focusin", (event) => this.#rove(event.target.closest(".row")));
    // What is not text can grow late: pictures, a composer that takes more lines.
    const sizes = new ResizeObserver(() => this.#stuck && this.toEnd());
    sizes.observe(this.list);
    sizes.observe(this.scroller);
  }

  /** Say where the messages are. */
  name(label) {
    this.scroller.setAttribute("aria-label", `Messages in ${label}`);
  }

  /** Show a place from its end. */
  fill(channel, page) {
    this.#channel = channel;
    this.#rows.clear();
    this.#current = null;
    this.list.replaceChildren();
    this.#more = page.more;
    this.#stuck = true;
    this.apply(page.messages, []);
    this.toEnd();
  }

  /** Take messages that are new or changed, and ids of those that are gone. */
  apply(messages, gone) {
    const touched = new Set();
    for (const id of gone) this.#drop(id, touched);
    for (const message of messages) if (!this.#app.dismissed.has(message.id)) this.#put(message, touched);
    for (const row of touched) this.#refresh(row);
    if (this.#stuck) this.#trim();
    // A person who reads elsewhere finds the newest message first, which may ask something.
    if (!this.#current || !this.list.contains(document.activeElement)) this.#rove(this.list.lastElementChild);
    this.begin.hidden = this.#more;
    if (this.#stuck) this.toEnd();
    else if (messages.some((one) => one.id === this.list.lastElementChild?.row.message.id)) this.jump.hidden = false;
  }

  /** The newest row that the person may edit. */
  lastOwn() {
    return [...this.#rows.values()].reverse().find((row) => row.message.own && row.message.system === null);
  }

  /** Show a message, however far back it is. Returns whether it is there. */
  async reveal(id) {
    this.#stuck = false;
    while (!this.#rows.has(id) && this.#more && older(id, this.list.firstElementChild.row.message.id)) {
      if (!(await this.#older())) break;
    }
    const element = this.#rows.get(id)?.element;
    if (!element) return false;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
    element.classList.remove("found");
    void element.offsetWidth; // the mark begins again
    element.classList.add("found");
    return true;
  }

  toEnd() {
    this.#stuck = true;
    this.jump.hidden = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#top = this.scroller.scrollTop; // a shorter list moves up by itself, which is no wish to read back
  }

  #put(message, touched) {
    let row = this.#rows.get(message.id);
    if (row) {
      row.message = message;
      touched.add(row);
      return;
    }
    let next = null;
    let last = this.list.lastElementChild;
    while (last && older(message.id, last.row.message.id)) {
      next = last;
      last = last.previousElementSibling;
    }
    if (!last && next && this.#more && !this.#loading) return; // older than what is shown
    row = new Row(this.#app, message);
    row.message = message;
    this.#rows.set(message.id, row);
    this.list.insertBefore(row.element, next);
    touched.add(row);
    if (next) touched.add(next.row);
  }

  #drop(id, touched) {
    const row = this.#rows.get(id);
    if (!row) return;
    const next = row.element.nextElementSibling;
    if (row.element.contains(document.activeElement)) (next ?? row.element.previousElementSibling ?? this.scroller).focus();
    row.element.remove();
    this.#rows.delete(id);
    if (row === this.#current) this.#current = null;
    touched.delete(row);
    if (next) touched.add(next.row);
  }

  #refresh(row) {
    const before = row.element.previousElementSibling?.row.message;
    row.update(row.message, before);
    const date = new Date(row.message.at).toDateString();
    const turns = !before || new Date(before.at).toDateString() !== date;
    if (turns) row.element.dataset.day = dayOf(row.message.at);
    else delete row.element.dataset.day;
  }

  #trim() {
    while (this.list.childElementCount > MOST) {
      const first = this.list.firstElementChild;
      this.#rows.delete(first.row.message.id);
      if (first.row === this.#current) this.#current = null;
      first.remove();
      this.#more = true;
    }
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    // Rows take their true height when they come near: the end can move away without anybody having scrolled.
    if (scrollHeight - scrollTop - clientHeight < NEAR) this.#stuck = true;
    else if (scrollTop < this.#top) this.#stuck = false;
    this.#top = scrollTop;
    if (this.#stuck) this.jump.hidden = true;
    if (scrollTop < NEAR * 3) this.#older();
  }

  /** Load the messages before those that are here. Returns whether some came. */
  #older() {
    if (!this.#more || !this.list.firstElementChild) return Promise.resolve(false);
    this.#loading ??= this.#load().finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #load() {
    const channel = this.#channel;
    const page = await this.#app.act("older", { channel, before: this.list.firstElementChild.row.message.id });
    if (!page || channel !== this.#channel) return false;
    const height = this.scroller.scrollHeight - this.scroller.scrollTop;
    this.#more = page.more;
    this.apply(page.messages, []);
    if (!this.#stuck) this.scroller.scrollTop = this.scroller.scrollHeight - height;
    return page.messages.length > 0;
  }

  /** One row and its controls can be reached by Tab, the others from it by the arrow keys. */
  #rove(element) {
    if (!element || element.row === this.#current) return;
    this.#current?.reach(false);
    this.#current = element.row;
    this.#current.reach(true);
  }

  #walk(event) {
    const row = event.target.closest(".row");
    if (!row || event.target !== row) return;
    const next = { ArrowUp: row.previousElementSibling, ArrowDown: row.nextElementSibling, Home: this.list.firstElementChild, End: this.list.lastElementChild }[event.key];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}
