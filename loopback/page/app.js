// The page as a whole: what is open, what is known, and what a person does.

import { Announcer } from "/page/announcer.js";
import { older } from "/page/dom.js";
import { pickEmoji } from "/page/emoji.js";
import { askLine, askWhether, fillForm } from "/page/forms.js";
import { openMenu } from "/page/menu.js";
import { encoded, linkable, mentionable } from "/page/names.js";
import { Pane } from "/page/pane.js";
import { Sidebar } from "/page/sidebar.js";
import { localise } from "/page/times.js";
import { Usage } from "/page/usage.js";
import { Wire } from "/page/wire.js";

const WRONG_MS = 8000;
const MINUTE_MS = 60_000;

class App {
  overview = null;
  me = null;
  #places = new Map();
  #guilds = new Map();
  #latest = new Map();
  #read = new Map();
  #pings = new Map();
  #wrong = document.querySelector("#wrong");
  #usage = null;
  #going = false;
  #expected = null;
  dismissed = new Set();
  active = null;

  constructor() {
    this.announcer = new Announcer();
    this.sidebar = new Sidebar(this);
    this.main = new Pane(this, document.querySelector("#main"), { beside: false });
    this.beside = new Pane(this, document.querySelector("#beside"), { beside: true });
    this.panes = [this.main, this.beside];
    this.usage = new Usage(this);
    this.wire = new Wire(
      (frame) => this.#take(frame),
      (state) => this.#connection(state),
    );
    addEventListener("hashchange", () => this.#follow());
    addEventListener("keydown", (event) => this.#typed(event));
    document.querySelector(".skip").addEventListener("click", () => this.#composer().field.focus());
    setInterval(() => localise(document), MINUTE_MS);
  }

  start() {
    const [person] = this.#address();
    this.wire.connect(person);
  }

  // The address has the form #person/place/beside

  #address() {
    return location.hash.slice(1).split("/").map(decodeURIComponent);
  }

  #note() {
    const parts = [this.me?.id, this.main.place?.id, this.beside.place?.id].filter(Boolean);
    history.replaceState(null, "", `#${parts.join("/")}`);
    const pings = [...this.#pings.values()].reduce((sum, one) => sum + one, 0);
    document.title = `${pings ? `(${pings}) ` : ""}${this.main.place?.label ?? "Loopback"}`;
  }

  async #follow() {
    const [person, place, beside] = this.#address();
    if (person && person !== this.me?.id) {
      this.be(person);
      return;
    }
    const missing = [place, beside].find((one) => one && !this.place(one));
    if (missing) {
      this.#whenKnown(missing, () => this.#follow());
      return;
    }
    if (place && place !== this.main.place?.id) await this.open(place);
    if ((beside ?? null) !== (this.beside.place?.id ?? null)) await (beside ? this.open(beside, { beside: true }) : this.close(this.beside));
  }

  // What the server tells

  #connection(state) {
    this.sidebar.connection(state);
    document.documentElement.dataset.link = state;
    if (state === "open") this.#going = false;
    if (state === "refused") this.wrong("The server was restarted. Open the address that it printed.");
  }

  #take(frame) {
    if (frame.overview === null) {
      this.wrong("This server has no people yet.");
      return;
    }
    if (frame.overview) {
      this.wire.since ??= frame.overview.since;
      this.#know(frame.overview);
    }
    if (frame.usage) {
      this.#usage = frame.usage;
      this.sidebar.usage(frame.usage);
      this.usage.show(frame.usage);
    }
    for (const one of frame.posted ?? []) this.#posted(one);
    const messages = frame.messages ?? [];
    const fresh = new Set((frame.posted ?? []).filter((one) => !one.own).map((one) => one.id));
    for (const message of messages) {
      if (fresh.has(message.id)) this.announcer.expect(message);
      else this.announcer.changed(message);
    }
    for (const pane of this.panes) pane.apply(messages, frame.gone ?? []);
    for (const one of frame.typing ?? []) for (const pane of this.panes) pane.types(one);
    if (frame.posted) this.sidebar.mark();
  }

  #know(overview) {
    this.overview = overview;
    this.me = overview.me;
    this.#places.clear();
    this.#guilds.clear();
    for (const guild of overview.guilds) {
      for (const one of guild.channels) {
        this.#places.set(one.id, { ...one, label: one.thread || one.vocal ? one.name : `#${one.name}`, direct: false });
        this.#guilds.set(one.id, guild);
        this.#learn(one);
      }
    }
    for (const one of overview.direct) {
      if (!one.id) continue;
      this.#places.set(one.id, { ...one, label: `@${one.name}`, thread: false, direct: true, writable: true, topic: "" });
      this.#learn(one);
    }
    for (const pane of this.panes) pane.refresh();
    this.sidebar.refresh(overview);
    if (!this.#going) this.#begin();
    if (this.#expected && this.place(this.#expected.id)) {
      const { then } = this.#expected;
      this.#expected = null;
      then();
    }
  }

  #learn({ id, last }) {
    if (!this.#latest.has(id) || older(this.#latest.get(id), last)) this.#latest.set(id, last);
    if (!this.#going && !this.#read.has(id)) this.#read.set(id, last);
    if (!this.#read.has(id)) this.#read.set(id, "0");
  }

  /** After a first or a new connection: open what the address says, or the first place there is. */
  async #begin() {
    this.#going = true;
    const [, place, beside] = this.#address();
    const first = this.overview.guilds[0]?.channels.find((one) => !one.thread && one.type !== 4);
    await this.open(this.#places.has(place) ? place : first?.id, { keepView: true });
    if (beside && this.#places.has(beside)) await this.open(beside, { beside: true, keepView: true });
  }

  #posted({ id, channel, own, pings }) {
    this.#latest.set(channel, id);
    const open = this.panes.some((pane) => pane.place?.id === channel);
    if (open || own) this.#read.set(channel, id);
    else if (pings) {
      this.#pings.set(channel, (this.#pings.get(channel) ?? 0) + 1);
      this.announce(`You were mentioned in ${this.place(channel)?.label ?? "a new place"}.`);
      this.#note();
    }
  }

  /** The state of a place in the list. */
  standing(id) {
    const open = this.main.place?.id === id ? "page" : this.beside.place?.id === id ? "true" : null;
    const unread = !open && older(this.#read.get(id) ?? "0", this.#latest.get(id) ?? "0");
    return { open, unread, pings: this.#pings.get(id) ?? 0 };
  }

  // Keys

  /** Where one would write: beside what has the focus, or had it last. */
  #composer() {
    const pane = this.active && !this.active.element.hidden && this.active.place ? this.active : this.main;
    return pane.composer;
  }

  /** What is typed outside a field is meant for the composer, as in Discord. */
  #typed(event) {
    const { target, key } = event;
    if ([...key].length !== 1 || key === " " || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target.closest("input, textarea, select, #layer, dialog, form.command")) return;
    if (!this.#composer().line.hidden) this.#composer().field.focus();
  }

  // Asking

  /** Do something; the answer, or null when it went wrong, which is then shown. */
  async act(name, fields) {
    try {
      const done = await this.wire.ask(name, fields);
      if (done.form) fillForm(this, fields.channel ?? this.main.place.id, done.form);
      return done;
    } catch (error) {
      this.wrong(error.message);
      return null;
    }
  }

  wrong(text) {
    const note = document.createElement("p");
    note.textContent = text;
    this.#wrong.append(note);
    setTimeout(() => note.remove(), WRONG_MS);
  }

  announce(text) {
    this.announcer.say(text);
  }

  // Going

  place(id) {
    return this.#places.get(id);
  }

  guildOf(id) {
    return this.#guilds.get(id);
  }

  async open(id, { beside = false, keepView = false } = {}) {
    if (!id || !this.place(id)) return;
    const pane = beside ? this.beside : this.main;
    const other = beside ? this.main : this.beside;
    if (!beside && other.place?.id === id) await other.show(null);
    if (beside && other.place?.id === id) await other.show(this.place(id).parent);
    this.#read.set(id, this.#latest.get(id) ?? "0");
    this.#pings.delete(id);
    if (!keepView) this.view(beside ? "beside" : "main");
    else if (beside) document.body.dataset.view = "beside";
    await pane.show(id);
    this.#settle();
    if (!keepView && matchMedia("(min-width: 761px)").matches) pane.composer.field.focus();
  }

  /** Go to a place or to a message in it, as a link says. */
  async go(id, message) {
    const open = () => this.panes.find((one) => one.place?.id === id);
    if (!message || !open()) await this.open(id, { beside: Boolean(message) && this.place(id).parent === this.main.place?.id });
    if (!message) return;
    this.view(open() === this.beside ? "beside" : "main");
    if (!(await open().list.reveal(message))) this.wrong("That message no longer exists.");
  }

  /** Put away a message that only this person sees. */
  dismiss(message) {
    this.dismissed.add(message.id);
    for (const pane of this.panes) pane.apply([], [message.id]);
  }

  async close(pane) {
    const parent = pane === this.main ? this.overview.guilds[0]?.channels.find((one) => !one.thread)?.id : null;
    await pane.show(parent && this.place(parent) ? parent : null);
    this.view("main");
    this.#settle();
  }

  #settle() {
    for (const pane of this.panes) pane.refresh();
    document.body.classList.toggle("two", Boolean(this.beside.place));
    this.sidebar.mark();
    this.#note();
  }

  leave(id, pane) {
    if (!this.panes.some((one) => one !== pane && one.place?.id === id)) this.wire.ask("close", { channel: id }).catch(() => {});
  }

  otherIsOpen(pane) {
    return this.panes.some((one) => one !== pane && one.place);
  }

  /** On a phone one thing is seen at a time. */
  view(name) {
    document.body.dataset.view = name;
  }

  be(person) {
    const keep = [this.main.place?.id, this.beside.place?.id].filter(Boolean);
    history.replaceState(null, "", `#${[person, ...keep].join("/")}`);
    this.#read.clear();
    this.#pings.clear();
    this.#going = false;
    for (const pane of this.panes) pane.forget();
    this.beside.element.hidden = true;
    this.wire.connect(person);
  }

  toggleUsage() {
    const { element } = this.usage;
    element.hidden = !element.hidden;
    this.sidebar.gauge.setAttribute("aria-pressed", String(!element.hidden));
    this.view(element.hidden ? "main" : "usage");
    document.body.classList.toggle("measuring", !element.hidden);
    if (this.#usage) this.usage.show(this.#usage);
  }

  // Names

  /** Who can be named in a place. */
  mentionable(id) {
    return mentionable(this.guildOf(id));
  }

  linkable(id) {
    return linkable(this.guildOf(id));
  }

  /** The text as it is sent: names of people, roles and channels as their codes, except in code. */
  encoded(id, text) {
    return encoded(this.guildOf(id), text);
  }

  // What can be done with a message

  canOpenThread(message) {
    const place = this.place(message.channel);
    return Boolean(place && !place.thread && !place.direct && !place.vocal && !message.thread && !message.ephemeral);
  }

  reply(row) {
    this.#paneOf(row).composer.answer(row);
  }

  #paneOf(row) {
    return this.panes.find((pane) => pane.place?.id === row.message.channel) ?? this.main;
  }

  editLast(composer) {
    composer.pane.list.lastOwn()?.edit();
  }

  pickEmoji(row, anchor) {
    pickEmoji(anchor, (emoji) => this.act("react", { channel: row.message.channel, message: row.message.id, emoji }));
  }

  askThread(row, place = null) {
    const name = row ? row.message.text.split("\n")[0].replace(/<[@#][!&]?\d+>/g, "").trim().slice(0, 60) : "";
    askLine("New thread", "Name", name, "Open", async (chosen) => {
      const fields = { channel: place?.id ?? row.message.channel, name: chosen, ...(row ? { message: row.message.id } : {}) };
      const done = await this.act("open_thread", fields);
      if (done) this.#whenKnown(done.channel, () => this.open(done.channel, { beside: true }));
      return done;
    });
  }

  askName(place) {
    askLine("Rename", "Name", place.name, "Rename", (name) => this.act("rename", { channel: place.id, name }));
  }

  /** The answer to an act can come before the frame that tells of the new place. */
  #whenKnown(id, then) {
    if (this.place(id)) then();
    else this.#expected = { id, then };
  }

  async messageMenu(row, anchor) {
    const { message } = row;
    const where = { channel: message.channel, message: message.id };
    const items = [];
    if (message.own && message.system === null) items.push({ label: "Edit", act: () => row.edit() });
    if (message.text) items.push({ label: "Copy text", act: () => navigator.clipboard?.writeText(message.text) });
    items.push({ label: "Copy message ID", act: () => navigator.clipboard?.writeText(message.id) });
    const found = message.system === null && !message.ephemeral ? await this.act("commands", { channel: message.channel }) : null;
    for (const one of found?.menus ?? []) {
      items.push({ label: one.name, hint: one.bot, act: () => this.act("menu", { ...where, command: one.name }) });
    }
    if (message.own && message.system === null) {
      const ask = () => askWhether("Delete message?", "You can't undo this.", "Delete", () => this.act("delete", where));
      items.push({ label: "Delete", danger: true, act: ask });
    }
    openMenu(anchor, items, { label: "Message actions" });
  }
}

new App().start();
