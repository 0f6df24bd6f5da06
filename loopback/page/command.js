// A slash command with a field for each of its options.

import { h } from "/page/dom.js";
import { Suggestions } from "/page/suggest.js";

const INTEGER = 4;
const BOOLEAN = 5;
const USER = 6;
const CHANNEL = 7;
const ROLE = 8;
const MENTIONABLE = 9;
const NUMBER = 10;
const PAUSE_MS = 150;

export class CommandForm {
  #app;
  #place;
  #command;
  #fields = new Map();
  #chosen = new Map();
  #asked = 0;

  /** `leave` is called when the command was sent or given up. */
  constructor(app, place, command, leave) {
    this.#app = app;
    this.#place = place;
    this.#command = command;
    const send = h("button.primary", {}, "Run");
    this.element = h(
      "form.command",
      {
        "aria-label": `/${command.name}`,
        onsubmit: (event) => {
          event.preventDefault();
          this.#send(leave);
        },
        onkeydown: (event) => event.key === "Escape" && leave(),
      },
      h("p.command-name", {}, h("strong", {}, `/${command.name}`), h("span.hint", {}, command.description)),
      ...command.options.map((option) => this.#option(option)),
      h("div.choices", {}, h("button.plain", { type: "button", onclick: leave }, "Cancel"), send),
    );
    this.first = this.#fields.values().next().value ?? send;
  }

  focus() {
    this.first.focus();
  }

  #option(option) {
    const field = this.#field(option);
    field.id = `option-${option.name}-${Math.random().toString(36).slice(2)}`;
    this.#fields.set(option.name, field);
    const label = h("label", { for: field.id }, option.name, option.required ? null : h("span.hint", {}, " optional"));
    const parts = [label, h("span.hint", {}, option.description ?? ""), field];
    if (option.autocomplete) parts.push(this.#completed(option, field).list);
    return h("div.field", {}, parts);
  }

  #field(option) {
    const { required } = option;
    const choices = this.#choices(option);
    if (choices) {
      return h("select", { required }, h("option", { value: "" }, ""), ...choices.map(([value, name]) => h("option", { value }, name)));
    }
    if (option.type === INTEGER || option.type === NUMBER) {
      return h("input", { type: "number", required, step: option.type === INTEGER ? 1 : "any", min: option.min_value, max: option.max_value });
    }
    return h("input", { type: "text", required, minlength: option.min_length, maxlength: option.max_length ?? 6000, autocomplete: "off" });
  }

  #choices(option) {
    if (option.choices?.length) return option.choices.map((one) => [String(one.value), one.name]);
    const guild = this.#app.guildOf(this.#place.id);
    const people = (guild?.members ?? []).map((one) => [one.id, `@${one.name}`]);
    const roles = (guild?.roles ?? []).map((one) => [one.id, `@${one.name}`]);
    switch (option.type) {
      case BOOLEAN:
        return [["true", "True"], ["false", "False"]];
      case USER:
        return people;
      case ROLE:
        return roles;
      case MENTIONABLE:
        return [...people, ...roles];
      case CHANNEL:
        return (guild?.channels ?? []).map((one) => [one.id, `#${one.name}`]);
      default:
        return null;
    }
  }

  /** Suggestions that the bot gives while one types. */
  #completed(option, field) {
    const suggestions = new Suggestions(field, option.name, (item) => {
      field.value = item.label;
      this.#chosen.set(option.name, item.value);
    });
    let pause = 0;
    const ask = async () => {
      this.#asked += 1;
      const asked = this.#asked;
      const request = { channel: this.#place.id, command: this.#command.name, focused: option.name, text: field.value, values: this.#values() };
      const found = await this.#app.act("complete", request);
      if (!found || asked !== this.#asked || document.activeElement !== field) return;
      suggestions.show(found.choices.map((one) => ({ label: one.name, value: one.value })));
    };
    field.addEventListener("input", () => {
      this.#chosen.delete(option.name);
      clearTimeout(pause);
      pause = setTimeout(ask, PAUSE_MS);
    });
    field.addEventListener("focus", ask);
    field.addEventListener("blur", () => suggestions.close());
    field.addEventListener("keydown", (event) => suggestions.key(event));
    return suggestions;
  }

  #values() {
    const values = {};
    for (const option of this.#command.options) {
      const text = this.#fields.get(option.name).value;
      if (this.#chosen.has(option.name)) values[option.name] = this.#chosen.get(option.name);
      else if (text !== "") values[option.name] = typed(option.type, text);
    }
    return values;
  }

  async #send(leave) {
    const request = { channel: this.#place.id, command: this.#command.name, values: this.#values() };
    leave();
    await this.#app.act("slash", request);
  }
}

function typed(kind, text) {
  if (kind === INTEGER || kind === NUMBER) return Number(text);
  if (kind === BOOLEAN) return text === "true";
  return text;
}
