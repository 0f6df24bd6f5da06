// Buttons, menus and layout that a bot put on a message, or in a form.

import { h, icon } from "/page/dom.js";
import { file, picture } from "/page/media.js";
import { openMenu } from "/page/menu.js";
import { hide, marked } from "/page/text.js";

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };
const NAMES = { 3: "Choose", 5: "Choose a person", 6: "Choose a role", 7: "Choose a person or a role", 8: "Choose a channel" };

/** Elements for all components of a message. */
export function components(app, message) {
  return message.components.map((one) => component(app, message, one)).filter(Boolean);
}

function component(app, message, one) {
  const inner = () => (one.components ?? []).map((each) => component(app, message, each)).filter(Boolean);
  switch (one.type) {
    case 1:
      return h("div.buttons", {}, inner());
    case 2:
      return button(app, message, one);
    case 3:
    case 5:
    case 6:
    case 7:
    case 8:
      return select(app, message, one);
    case 9:
      return h("div.section", {}, h("div.section-texts", {}, inner()), one.accessory ? component(app, message, one.accessory) : null);
    case 10:
      return marked(app, one.html ?? "");
    case 11:
      return covered(one, h("div.thumbnail", {}, picture(one.media, one.description)));
    case 12:
      return h(`div.gallery.of-${Math.min(one.items.length, 3)}`, {}, one.items.map((each) => covered(each, picture(each.media, each.description))));
    case 13:
      return covered(one, file(one.file));
    case 14:
      return h(`${one.divider === false ? "div.gap" : "hr"}${one.spacing === 2 ? ".wide" : ""}`);
    case 17:
      return covered(one, container(one, inner()));
    default:
      return null;
  }
}

function container(one, inner) {
  const element = h("div.container", {}, inner);
  if (Number.isInteger(one.accent_color)) {
    element.classList.add("accented");
    element.style.setProperty("--accented", `#${one.accent_color.toString(16).padStart(6, "0")}`);
  }
  return element;
}

/** A spoiler hides the whole element until it is pressed. */
function covered(one, element) {
  if (!one.spoiler) return element;
  const cover = h("div.spoiler.block", {}, element);
  hide(cover);
  return cover;
}

function label(one) {
  const emoji = one.emoji ? (one.emoji.id ? `:${one.emoji.name}:` : one.emoji.name) : "";
  return [emoji ? h("span.emoji", {}, emoji) : null, one.label ? h("span", {}, one.label) : null];
}

function button(app, message, one) {
  if (one.style === 5) {
    const attributes = { href: one.url, target: "_blank", rel: "noopener noreferrer nofollow" };
    return one.url ? h("a.component.link", attributes, label(one)) : null;
  }
  const press = () => busy(element, () => app.act("press", { channel: message.channel, message: message.id, custom_id: one.custom_id }));
  const element = h(
    `button.component.${STYLES[one.style] ?? "secondary"}`,
    { type: "button", disabled: one.disabled, dataset: { key: one.custom_id ?? "" }, onclick: press },
    label(one),
  );
  if (!one.label && one.emoji) element.setAttribute("aria-label", one.emoji.name);
  return element;
}

/** While something is asked of the bot, the control says so and takes no second press. */
async function busy(element, work) {
  if (element.getAttribute("aria-busy")) return;
  element.setAttribute("aria-busy", "true");
  try {
    await work();
  } finally {
    element.removeAttribute("aria-busy");
  }
}

/** What can be chosen in a menu: the bot's own options, or people, roles and channels. */
export function optionsOf(app, channel, one) {
  if (one.type === 3) return one.options.map((each) => ({ value: each.value, label: each.label, hint: each.description ?? "", chosen: Boolean(each.default) }));
  const guild = app.guildOf(channel);
  const people = (guild?.members ?? []).map((each) => ({ value: each.id, label: `@${each.name}` }));
  const roles = (guild?.roles ?? []).map((each) => ({ value: each.id, label: `@${each.name}` }));
  const channels = (guild?.channels ?? []).map((each) => ({ value: each.id, label: `#${each.name}` }));
  const found = { 5: people, 6: roles, 7: [...people, ...roles], 8: channels }[one.type] ?? [];
  const given = new Set((one.default_values ?? []).map((each) => each.id));
  return found.map((each) => ({ hint: "", ...each, chosen: given.has(each.value) }));
}

function select(app, message, one) {
  const options = optionsOf(app, message.channel, one);
  const chosen = options.filter((each) => each.chosen);
  const words = chosen.length ? chosen.map((each) => each.label).join(", ") : one.placeholder || NAMES[one.type];
  const pick = (values) =>
    busy(element, () => app.act("pick", { channel: message.channel, message: message.id, custom_id: one.custom_id, values }));
  const open = () => {
    const most = one.max_values ?? 1;
    openMenu(element, options.map((each) => ({ ...each, checked: each.chosen })), {
      label: one.placeholder || NAMES[one.type],
      choose: most === 1 ? (value) => pick([value]) : undefined,
      chooseMany: most > 1 ? pick : undefined,
      least: one.min_values ?? 1,
      most,
    });
  };
  const element = h(
    "button.select",
    { type: "button", disabled: one.disabled, "aria-haspopup": "menu", dataset: { key: one.custom_id }, onclick: open },
    h("span", {}, words),
    icon("down"),
  );
  return element;
}
