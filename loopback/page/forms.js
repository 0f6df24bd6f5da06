// Dialogs: the forms that bots open, and the page's own short questions.

import { optionsOf } from "/page/components.js";
import { h } from "/page/dom.js";
import { marked } from "/page/text.js";

const ROW = 1;
const TEXT_INPUT = 4;
const TEXT_DISPLAY = 10;
const LABEL = 18;

/** Show a dialog until it is sent or left; `send` returns whether it may close. */
function dialog(title, body, action, send) {
  const close = () => box.close();
  const box = h("dialog", { "aria-labelledby": "dialog-title", onclose: () => box.remove() });
  const form = h(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        if (await send()) close();
      },
    },
    h("h2", { id: "dialog-title" }, title),
    body,
    h("div.choices", {}, h("button.plain", { type: "button", onclick: close }, "Cancel"), h("button.primary", {}, action)),
  );
  box.append(form);
  document.querySelector("#layer").append(box);
  box.showModal();
  form.querySelector("input, textarea, select")?.focus();
}

/** Ask for one line of text. */
export function askLine(title, label, value, action, done) {
  const field = h("input", { id: "dialog-line", type: "text", maxlength: 100, required: true, value, autocomplete: "off" });
  dialog(title, h("div.field", {}, h("label", { for: "dialog-line" }, label), field), action, () => done(field.value));
  field.select();
}

/** Ask whether something may be done. */
export function askWhether(title, words, action, done) {
  dialog(title, h("p", {}, words), action, done);
}

/** Fill in a bot's form. */
export function fillForm(app, channel, form) {
  const fields = new Map();
  const shown = form.components.map((one) => part(app, channel, one, fields)).filter(Boolean);
  dialog(form.title, shown, "Submit", async () => {
    const values = Object.fromEntries([...fields].map(([id, read]) => [id, read()]));
    return Boolean(await app.act("fill", { form: form.id, values }));
  });
}

function part(app, channel, one, fields) {
  if (one.type === ROW) return one.components.map((field) => labelled(app, channel, field.label, "", field, fields));
  if (one.type === LABEL) return labelled(app, channel, one.label, one.description ?? "", one.component, fields);
  return one.type === TEXT_DISPLAY ? marked(app, one.html) : null;
}

function labelled(app, channel, label, description, field, fields) {
  const id = `field-${field.custom_id}`;
  const element = field.type === TEXT_INPUT ? input(field, id) : choice(app, channel, field, id);
  fields.set(field.custom_id, () => (element.tagName === "SELECT" ? [...element.selectedOptions].map((one) => one.value) : element.value));
  const optional = field.required === false ? h("span.hint", {}, " optional") : null;
  return h("div.field", {}, h("label", { for: id }, label, optional), description ? h("span.hint", {}, description) : null, element);
}

function input(field, id) {
  const common = {
    id,
    required: field.required !== false,
    minlength: field.min_length,
    maxlength: field.max_length ?? 4000,
    placeholder: field.placeholder,
    value: field.value ?? "",
  };
  return field.style === 2 ? h("textarea", { ...common, rows: 5 }) : h("input", { ...common, type: "text", autocomplete: "off" });
}

function choice(app, channel, field, id) {
  const many = (field.max_values ?? 1) > 1;
  const options = optionsOf(app, channel, field).map((one) => {
    const option = h("option", { value: one.value }, one.label);
    option.selected = one.chosen;
    return option;
  });
  const first = many || options.some((one) => one.selected) ? [] : [emptyOption(field)];
  return h("select", { id, multiple: many, required: field.required !== false }, first, options);
}

function emptyOption(field) {
  const option = h("option", { value: "", disabled: true, hidden: true }, field.placeholder ?? "Choose");
  option.selected = true;
  return option;
}
