// A place that is open: its head, its messages, who is typing, and where to write.

import { Composer } from "/page/composer.js";
import { h, icon, sign } from "/page/dom.js";
import { MessageList } from "/page/list.js";
import { openMenu } from "/page/menu.js";
import { uncover } from "/page/text.js";

const TYPING_MS = 10_000;

export class Pane {
  #app;
  #typing = new Map();
  #beside;
  place = null;

  constructor(app, element, { beside }) {
    this.#app = app;
    this.#beside = beside;
    this.element = element;
    this.head = h("header.pane-head");
    this.list = new MessageList(app);
    this.typing = h("p.typing", {});
    this.composer = new Composer(app);
    this.composer.pane = this;
    element.replaceChildren(this.head, this.list.element, this.composer.element, this.typing);
    element.addEventListener("click", (event) => this.#pressed(event));
    element.addEventListener("focusin", () => (app.active = this));
    element.addEventListener("keydown", (event) => (event.key === "Enter" || event.key === " ") && this.#pressed(event));
    element.addEventListener("dragover", (event) => event.preventDefault());
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) this.composer.add([...event.dataTransfer.files]);
    });
  }

  /** Open a place; null closes the pane. */
  async show(id) {
    if (this.place && this.place.id !== id) this.#app.leave(this.place.id, this);
    const place = id ? this.#app.place(id) : null;
    this.place = place;
    if (this.#beside) this.element.hidden = !place;
    if (!place) return;
    this.#typing.clear();
    this.refresh();
    const page = await this.#app.act("look", { channel: id });
    if (!page || this.place?.id !== id) return;
    this.list.fill(id, page);
    this.#introduce();
    this.element.dataset.shown = id;
  }

  /** Start again for another person. */
  forget() {
    this.place = null;
    this.composer.to(null);
  }

  /** The place may be called otherwise now, or be gone. */
  refresh() {
    if (!this.place) return;
    const place = this.#app.place(this.place.id);
    if (!place) {
      this.#app.close(this);
      return;
    }
    const state = JSON.stringify([place, this.#app.otherIsOpen(this)]);
    this.place = place;
    this.composer.to(place);
    if (state === this.state) return;
    this.state = state;
    this.#head();
    this.#introduce();
  }

  #head() {
    const { place } = this;
    const tool = (name, label, onclick, extra = {}) => h("button.tool", { type: "button", "aria-label": label, title: label, onclick, ...extra }, icon(name));
    const back = tool("back", "Back", () => (this.#beside ? this.#app.close(this) : this.#app.view("places")));
    back.classList.add("only-phone");
    const more = tool("more", "More actions", () => openMenu(more, this.#acts(), { label: place.label }), { "aria-haspopup": "menu" });
    const parent = place.thread ? this.#app.place(place.parent) : null;
    const way = parent ? h("button.crumb", { type: "button", onclick: () => this.#app.open(parent.id) }, parent.label) : null;
    const title = h("h2", {}, sign(place), h("span.name", {}, place.name));
    this.head.replaceChildren(
      ...[
        back,
        h("div.titles", {}, way, title, place.topic ? h("p.topic", {}, place.topic) : null),
        place.archived ? h("span.badge.quiet", {}, "archived") : null,
        place.locked ? h("span.badge.quiet", {}, "locked") : null,
        this.#acts().length ? more : null,
        this.#beside ? tool("close", "Close", () => this.#app.close(this)) : null,
      ].filter(Boolean),
    );
    this.list.name(place.label);
    this.element.setAttribute("aria-label", `${place.thread ? "Thread" : "Conversation"}: ${place.label}`);
  }

  #acts() {
    const { place } = this;
    const acts = [];
    if (!this.#beside && place.thread) acts.push({ label: "Open side by side", act: () => this.#app.open(place.id, { beside: true }) });
    if (this.#beside) acts.push({ label: "Open in the main pane", act: () => this.#app.open(place.id) });
    if (!place.thread && !place.direct && !place.vocal && place.writable) acts.push({ label: "New thread", act: () => this.#app.askThread(null, place) });
    if (place.thread) acts.push({ label: place.joined ? "Leave the thread" : "Join the thread", act: () => this.#app.act("join", { channel: place.id }) });
    if (place.thread && place.manages) {
      acts.push({ label: "Rename", act: () => this.#app.askName(place) });
      acts.push({ label: place.archived ? "Unarchive" : "Archive", act: () => this.#app.act("archive", { channel: place.id, archived: !place.archived }) });
    }
    return acts;
  }

  #introduce() {
    const { place } = this;
    if (!place) return;
    const bot = this.#app.mentionable(place.id).find((one) => one.bot);
    const hint = place.thread
      ? "All messages here belong to one conversation."
      : place.direct
        ? "Only the two of you can see these messages."
        : bot
          ? `Mention @${bot.name} with your request. It ${place.vocal ? "answers here" : "opens a thread and answers there"}.`
          : "";
    this.list.begin.replaceChildren(h("p.begin-name", {}, place.label), h("p", {}, hint));
  }

  /** Take what changed on the server. */
  apply(messages, gone) {
    if (!this.place) return;
    const here = messages.filter((one) => one.channel === this.place.id);
    if (!here.length && !gone.length) return;
    this.list.apply(here, gone);
    for (const { author } of here) this.#typing.delete(author.id);
    this.#showTyping();
  }

  /** Show that a person is typing. */
  types({ channel, user, name }) {
    if (channel !== this.place?.id) return;
    const until = Date.now() + TYPING_MS;
    this.#typing.set(user, { name, until });
    this.#showTyping();
    setTimeout(() => this.#showTyping(), TYPING_MS + 50);
  }

  #showTyping() {
    for (const [user, { until }] of this.#typing) if (until <= Date.now()) this.#typing.delete(user);
    const names = [...this.#typing.values()].map((one) => one.name);
    const text = names.length === 0 ? "" : names.length === 1 ? `${names[0]} is typing…` : `${names.slice(0, 3).join(", ")} are typing…`;
    if (this.typing.textContent !== text) this.typing.textContent = text;
  }

  /** Spoilers, code to copy and links to places are found here, for their elements come and go. */
  #pressed(event) {
    const spoiler = event.target.closest(".spoiler:not(.shown)");
    const copy = event.type === "click" && event.target.closest(".copy");
    const to = event.target.closest("[data-channel]");
    if (spoiler && event.target.closest(".spoiler") === spoiler) {
      event.preventDefault();
      uncover(spoiler);
    } else if (copy) {
      navigator.clipboard?.writeText(copy.closest(".code").querySelector("code").textContent);
      this.#app.announce("Copied.");
    } else if (to && this.#app.place(to.dataset.channel)) {
      event.preventDefault();
      this.#app.go(to.dataset.channel, to.dataset.message);
    }
  }
}
