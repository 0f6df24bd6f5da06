// Writing: text with @ and / suggestions, files, an answer to a message, and commands with their options.

import { CommandForm } from "/page/command.js";
import { h, icon } from "/page/dom.js";
import { askWhether } from "/page/forms.js";
import { Length, MOST } from "/page/length.js";
import { size } from "/page/media.js";
import { Suggestions } from "/page/suggest.js";

const TYPING_MS = 8000;

export class Composer {
  #app;
  #place = null;
  #files = [];
  #reply = null;
  #typed = 0;
  #commands = null;
  #form = null;

  constructor(app) {
    this.#app = app;
    this.field = h("textarea", { rows: 1, enterkeyhint: "send" });
    this.length = new Length(this.field, () => this.#encoded());
    this.suggestions = new Suggestions(this.field, "Suggestions", (item) => item.take());
    this.picker = h("input", { type: "file", multiple: true, hidden: true, onchange: () => this.#add([...this.picker.files]) });
    this.attach = h("button.round", { type: "button", "aria-label": "Attach files", title: "Attach files", onclick: () => this.picker.click() }, icon("plus"));
    this.sender = h("button.round.send", { "aria-label": "Send", title: "Send" }, icon("send"));
    this.banner = h("div.banner", { hidden: true });
    this.shelf = h("ul.shelf", { "aria-label": "Files to send", hidden: true });
    this.line = h("form.line", { onsubmit: (event) => this.#submit(event) }, this.attach, this.picker, this.field, this.length.element, this.sender);
    this.closed = h("p.closed", { hidden: true });
    this.element = h("div.composer", {}, this.suggestions.list, this.banner, this.shelf, this.line, this.closed);
    this.field.addEventListener("input", () => this.#changed());
    this.field.addEventListener("keydown", (event) => this.#key(event));
    this.field.addEventListener("blur", () => this.suggestions.close());
    this.field.addEventListener("paste", (event) => event.clipboardData.files.length && this.#add([...event.clipboardData.files]));
  }

  /** Write to a place; what was begun elsewhere is left there. */
  to(place) {
    if (this.#place?.id !== place?.id) {
      this.#place = place;
      this.#commands = null;
      this.#leaveForm();
      this.clear();
    }
    this.#place = place;
    const writable = Boolean(place?.writable);
    this.line.hidden = !writable || this.#form !== null;
    this.closed.hidden = writable;
    this.closed.textContent = place?.locked ? "This thread is locked." : "You don't have permission to send messages here.";
    if (place) {
      this.field.placeholder = place.thread ? "Message this thread" : `Message ${place.label}`;
      this.field.setAttribute("aria-label", `Message ${place.label}`);
    }
  }

  clear() {
    this.field.value = "";
    this.#files = [];
    this.answer(null);
    this.#shelve();
    this.#grow();
    this.suggestions.close();
  }

  /** Set the message to reply to, or null. */
  answer(row) {
    this.#reply = row?.message ?? null;
    this.banner.hidden = !row;
    if (!row) return;
    const leave = h("button.tool", { type: "button", "aria-label": "Cancel reply", onclick: () => this.answer(null) }, icon("close"));
    this.banner.replaceChildren(h("span", {}, "Replying to ", h("strong", {}, row.message.author.name)), leave);
    this.field.focus();
  }

  add(files) {
    this.#add(files);
  }

  #add(files) {
    this.#files.push(...files.slice(0, 10 - this.#files.length));
    this.picker.value = "";
    this.#shelve();
    this.field.focus();
  }

  #shelve() {
    this.shelf.hidden = this.#files.length === 0;
    this.shelf.replaceChildren(
      ...this.#files.map((file) => {
        const drop = () => {
          this.#files = this.#files.filter((one) => one !== file);
          this.#shelve();
          this.field.focus();
        };
        return h("li", {}, icon("file"), h("span.name", {}, file.name), h("span.size", {}, size(file.size)), h("button.tool", { type: "button", "aria-label": `Remove ${file.name}`, onclick: drop }, icon("close")));
      }),
    );
  }

  #changed() {
    this.#grow();
    this.#suggest();
    if (Date.now() - this.#typed > TYPING_MS && this.field.value && !this.field.value.startsWith("/")) {
      this.#typed = Date.now();
      this.#app.act("type", { channel: this.#place.id });
    }
  }

  #grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 240)}px`;
    this.length.count();
  }

  #key(event) {
    if (event.isComposing || this.suggestions.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.line.requestSubmit();
    } else if (event.key === "Escape" && this.#reply) this.answer(null);
    else if (event.key === "ArrowUp" && !this.field.value) {
      event.preventDefault();
      this.#app.editLast(this);
    }
  }

  async #suggest() {
    const upTo = this.field.value.slice(0, this.field.selectionStart);
    const command = /^\/([\w -]*)$/.exec(this.field.value);
    if (command) {
      await this.#suggestCommands(command[1].toLowerCase());
      return;
    }
    const named = /(?:^|\s)([@#])([^\s@#]*)$/.exec(upTo);
    if (!named) {
      this.suggestions.close();
      return;
    }
    const [, sign, begun] = named;
    const from = upTo.length - begun.length - 1;
    const known = sign === "@" ? this.#app.mentionable(this.#place.id) : this.#app.linkable(this.#place.id);
    const fitting = known.filter((one) => one.name.toLowerCase().startsWith(begun.toLowerCase()));
    this.suggestions.show(fitting.map((one) => ({ label: sign + one.name, hint: one.hint, take: () => this.#insert(from, `${sign}${one.name} `) })));
  }

  async #suggestCommands(begun) {
    this.#commands ??= this.#app.act("commands", { channel: this.#place.id });
    const found = await this.#commands;
    if (!found) this.#commands = null;
    if (!this.field.value.startsWith("/")) return;
    const known = found?.slash ?? [];
    const several = new Set(known.map((one) => one.bot)).size > 1;
    const fitting = known.filter((one) => one.name.includes(begun)).sort((one, other) => byName(begun, one, other));
    this.suggestions.show(fitting.map((one) => ({ label: `/${one.name}`, options: one.options.map((each) => each.name), detail: one.description, hint: several ? one.bot : "", take: () => this.#command(one) })));
  }

  /** The text as it would be sent. */
  #encoded() {
    return this.#place ? this.#app.encoded(this.#place.id, this.field.value.trim()) : "";
  }

  #insert(from, text) {
    const rest = this.field.value.slice(this.field.selectionStart);
    this.field.value = this.field.value.slice(0, from) + text + rest;
    this.field.setSelectionRange(from + text.length, from + text.length);
    this.#grow();
  }

  #command(command) {
    this.clear();
    this.#form = new CommandForm(this.#app, this.#place, command, () => {
      this.#leaveForm();
      this.field.focus();
    });
    this.element.append(this.#form.element);
    this.line.hidden = true;
    this.#form.focus();
  }

  #leaveForm() {
    this.#form?.element.remove();
    this.#form = null;
    this.line.hidden = !this.#place?.writable;
  }

  async #submit(event) {
    event.preventDefault();
    const text = this.#encoded();
    if (!text && !this.#files.length) return;
    if (this.length.left < 0) {
      const words = `It has ${(MOST - this.length.left).toLocaleString()} characters. The limit is ${MOST.toLocaleString()}.`;
      askWhether("Your message is too long", words, "Send as a file", () => this.#send("", [...this.#files, new File([this.field.value], "message.txt", { type: "text/plain" })]));
    } else await this.#send(text, this.#files);
  }

  /** Send, and take back into the field what could not be sent. Returns whether it was sent. */
  async #send(text, files) {
    const place = this.#place;
    const fields = { channel: place.id, text, files: await Promise.all(files.map(packed)) };
    if (this.#reply) fields.reply = this.#reply.id;
    const kept = { value: this.field.value, files: this.#files };
    this.clear();
    this.#typed = 0;
    this.#commands = null;
    const sent = await this.#app.act("say", fields);
    if (sent || this.#place !== place || this.field.value) return Boolean(sent);
    this.field.value = kept.value;
    this.#files = kept.files;
    this.#shelve();
    this.#grow();
    return false;
  }
}

/** Commands that begin with what is typed come first, and else by the alphabet. */
function byName(begun, one, other) {
  return Number(other.name.startsWith(begun)) - Number(one.name.startsWith(begun)) || one.name.localeCompare(other.name);
}

/** A file as the server takes it. */
function packed(file) {
  return new Promise((done, wrong) => {
    const reader = new FileReader();
    reader.onload = () => done({ name: file.name, data: reader.result.slice(reader.result.indexOf(",") + 1) });
    reader.onerror = () => wrong(reader.error);
    reader.readAsDataURL(file);
  });
}
