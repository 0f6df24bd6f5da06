// One message as a row of the list. Each part is built again only when what it shows has changed.

import { attachments, embeds } from "/page/media.js";
import { components } from "/page/components.js";
import { avatar, h, icon, morph, written } from "/page/dom.js";
import { Length } from "/page/length.js";
import { marked } from "/page/text.js";
import { exactly, hour, when } from "/page/times.js";

const GROUP_MS = 7 * 60_000;
const TEXT_DISPLAY = 10;

/** Whether a message continues the one before it, without a header of its own. */
export function continues(message, before) {
  return Boolean(
    before &&
      before.author.id === message.author.id &&
      message.at - before.at < GROUP_MS &&
      !message.reply &&
      !message.used &&
      message.system === null &&
      before.system === null &&
      before.ephemeral === message.ephemeral,
  );
}

export class Row {
  #app;
  #seen = {};
  #parts = {};
  #current = false;
  message = null;

  constructor(app, message) {
    this.#app = app;
    for (const name of ["reply", "face", "head", "body", "media", "controls", "reactions", "thread", "note"]) {
      this.#parts[name] = h(`div.part-${name}`);
    }
    const { reply, face, head, ...rest } = this.#parts;
    this.tools = h("div.tools", { role: "toolbar", "aria-label": "Message actions" });
    this.article = h("article", {}, reply, face, h("div.column", {}, head, ...Object.values(rest)));
    this.element = h("li.row", { id: `message-${message.id}` }, this.article, this.tools);
    this.element.row = this;
    this.#tools(message);
    this.reach(false);
  }

  /** Show `message`, below `before` in the list. */
  update(message, before) {
    this.message = message;
    const first = !continues(message, before);
    const row = this.element.classList;
    row.toggle("first", first);
    row.toggle("calls", message.pings);
    row.toggle("ephemeral", message.ephemeral);
    row.toggle("system", message.system !== null);
    row.toggle("from-bot", message.author.bot);
    this.article.setAttribute("aria-label", `${message.author.name}, ${hour(message.at)}`);
    this.#part("reply", [message.reply], () => this.#reply(message));
    this.#part("face", [first, message.author, message.system === null], () => (!first ? [] : message.system === null ? [avatar(message.author.name)] : [icon("note")]));
    this.#part("head", [first, message.author, message.at, message.used, message.system], () => this.#head(message, first));
    this.#part("body", [message.html, message.thinking, message.edited], () => this.#body(message), true);
    this.#part("media", [message.files, message.embeds], () => [...attachments(message.files), ...embeds(this.#app, message.embeds)]);
    this.#part("controls", [message.components, message.edited], () => this.#controls(message), false, true);
    this.#part("reactions", [message.reactions], () => this.#reactions(message), true);
    this.#part("thread", [message.thread], () => this.#thread(message), true);
    this.#part("note", [message.ephemeral, message.html, message.components, message.edited], () => this.#note(message), true);
  }

  /** Whether this is the row whose controls Tab reaches. */
  reach(current) {
    this.#current = current;
    this.element.tabIndex = current ? 0 : -1;
    this.#tabs(this.element);
  }

  #tabs(within) {
    for (const one of within.querySelectorAll("a[href], button, [tabindex]")) one.tabIndex = this.#current ? 0 : -1;
  }

  #part(name, shown, build, patch = false, keepFocus = false) {
    const state = JSON.stringify(shown);
    if (this.#seen[name] === state) return;
    this.#seen[name] = state;
    const part = this.#parts[name];
    const focused = keepFocus && part.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const fresh = h("div", {}, ...build());
    this.#tabs(fresh);
    if (patch) morph(part, fresh);
    else part.replaceChildren(...fresh.childNodes);
    if (focused) [...part.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus();
  }

  #head(message, first) {
    if (message.system !== null) {
      return [h("p.system-words", {}, h("strong", {}, message.author.name), ` ${message.system} `, stamp(message, when))];
    }
    if (!first) return [stamp(message, hour, ".beside-text")];
    const badge = message.author.bot ? h("span.badge", {}, "APP") : null;
    const used = message.used ? h("p.used", {}, h("strong", {}, message.used.by), " used ", h("span.mention", {}, message.used.command)) : null;
    return [used, h("p.head", {}, h("strong.author", {}, message.author.name), badge, stamp(message, when))].filter(Boolean);
  }

  #body(message) {
    if (message.thinking) {
      return [h("p.thinking", {}, `${message.author.name} is thinking`, h("span.dots", { "aria-hidden": true }, "…"))];
    }
    if (!message.html) return [];
    const body = marked(this.#app, message.html);
    if (message.edited !== null) mark(body, message);
    return [body];
  }

  #reply(message) {
    const { reply } = message;
    if (!reply) return [];
    if (reply.gone) return [h("p.answered", {}, icon("reply"), "The original message was deleted.")];
    const who = h("strong", {}, reply.author.name);
    const line = written("span", reply.html);
    line.className = "md line";
    line.querySelectorAll("a").forEach((link) => link.replaceWith(link.textContent));
    return [h("p.answered", {}, icon("reply"), avatar(reply.author.name, true), who, line)];
  }

  #reactions(message) {
    return message.reactions.map(({ emoji, name, count, mine }) =>
      h(
        "button.reaction",
        {
          type: "button",
          "aria-pressed": String(mine),
          "aria-label": `${emoji}, ${count}${mine ? ", yours" : ""}`,
          dataset: { key: name },
          onclick: () => this.#app.act("react", { ...this.#place(), emoji: name }),
        },
        h("span", { "aria-hidden": true }, emoji),
        h("span.count", { "aria-hidden": true }, String(count)),
      ),
    );
  }

  #thread(message) {
    const { thread } = message;
    if (!thread) return [];
    const count = thread.count === 1 ? "1 message" : `${thread.count} messages`;
    return [
      h(
        "button.thread-chip",
        { type: "button", dataset: { key: thread.id }, onclick: () => this.#app.open(thread.id, { beside: true }) },
        icon("thread"),
        h("span.name", {}, thread.name),
        h("span.count", {}, thread.archived ? `${count}, archived` : count),
      ),
    ];
  }

  #tools(message) {
    const tool = (name, label, onclick, extra = {}) =>
      h("button.tool", { type: "button", "aria-label": label, title: label, onclick, ...extra }, icon(name));
    const more = tool("more", "More", () => this.#app.messageMenu(this, more), { "aria-haspopup": "menu" });
    if (message.system === null && !message.starter) {
      const react = tool("face", "React", () => this.#app.pickEmoji(this, react), { "aria-haspopup": "dialog" });
      this.tools.append(react, tool("reply", "Reply", () => this.#app.reply(this)));
      if (this.#app.canOpenThread(message)) this.tools.append(tool("thread", "Open a thread", () => this.#app.askThread(this)));
    }
    if (!message.starter) this.tools.append(more);
    this.element.addEventListener("contextmenu", (event) => {
      if (event.target.closest("a, textarea") || String(getSelection())) return;
      if (message.starter) return;
      event.preventDefault();
      this.#app.messageMenu(this, more);
    });
  }

  #controls(message) {
    const shown = components(this.#app, message);
    if (!message.html && message.edited !== null && endsInText(message)) mark(shown.at(-1), message);
    return shown;
  }

  /** What stands below everything else: who sees it, and for components without a last text that it was edited. */
  #note(message) {
    const bare = !message.html && message.components.length > 0 && !endsInText(message);
    const changed = bare && message.edited !== null ? h("p", {}, edited(message)) : null;
    if (!message.ephemeral) return changed ? [changed] : [];
    const dismiss = h("button.dismiss", { type: "button", dataset: { key: "dismiss" }, onclick: () => this.#app.dismiss(this.message) }, "Dismiss message");
    return [changed, h("p.only-you", {}, "Only you can see this · ", dismiss)].filter(Boolean);
  }

  #place() {
    return { channel: this.message.channel, message: this.message.id };
  }

  /** Change the text in place of the message; Escape leaves it as it was. */
  edit() {
    const { message } = this;
    const body = this.#parts.body;
    const field = h("textarea", { "aria-label": "The message's text", rows: Math.min(12, message.text.split("\n").length + 1), value: message.text });
    const done = () => {
      form.remove();
      body.hidden = false;
      this.element.focus();
    };
    const length = new Length(field, () => this.#app.encoded(message.channel, field.value));
    const save = async () => {
      if (field.value.trim() && length.left >= 0 && (await this.#app.act("edit", { ...this.#place(), text: field.value }))) done();
    };
    const form = h(
      "form.edit",
      {
        onsubmit: (event) => {
          event.preventDefault();
          save();
        },
        onkeydown: (event) => {
          if (event.key === "Escape") done();
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          save();
        },
      },
      field,
      h("div.choices", {}, length.element, h("button.plain", { type: "button", onclick: done }, "Cancel"), h("button.primary", {}, "Save")),
    );
    body.hidden = true;
    body.after(form);
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }
}

function stamp(message, form, classes = "") {
  return h(`time.stamp${classes}`, { datetime: new Date(message.at).toISOString(), title: exactly(message.at) }, form(message.at));
}

const endsInText = (message) => message.components.at(-1)?.type === TEXT_DISPLAY;

/** Say at the end of a text that it was edited. */
function mark(text, message) {
  (text.lastElementChild?.matches("p") ? text.lastElementChild : text).append(edited(message));
}

function edited(message) {
  return h("span.edited", { title: exactly(message.edited) }, " (edited)");
}
