// Menus that open at a control: actions, choices of one, choices of several. One is open at a time.

import { h } from "/page/dom.js";

let shut = () => {};

/**
 * Open a menu at `anchor`. Items have `label`, and may have `hint`, `value`, `checked`, `danger`, `act`.
 * `choose(value)` is called for a choice of one, `chooseMany(values)` when a choice of several is confirmed.
 */
export function openMenu(anchor, items, { label, choose, chooseMany, least = 1, most = 1 } = {}) {
  shut();
  const list = h("div.menu", { role: "menu", "aria-label": label ?? "Menu" });
  const role = chooseMany ? "menuitemcheckbox" : choose ? "menuitemradio" : "menuitem";
  for (const item of items) {
    const element = h(
      `button.menu-item${item.danger ? ".danger" : ""}`,
      { type: "button", role, tabindex: -1, "aria-checked": role === "menuitem" ? undefined : String(Boolean(item.checked)), onclick: () => take(item, element) },
      h("span", {}, item.label),
      item.hint ? h("span.hint", {}, item.hint) : null,
    );
    element.item = item;
    list.append(element);
  }
  const confirm = chooseMany ? h("button.menu-item.confirm", { type: "button", role: "menuitem", tabindex: -1, onclick: () => send() }, "Done") : null;
  if (confirm) list.append(confirm);

  const picked = () => [...list.children].filter((one) => one.getAttribute("aria-checked") === "true").map((one) => one.item.value);
  const allow = () => confirm && (confirm.disabled = picked().length < least || picked().length > most);
  const send = () => {
    const values = picked();
    close();
    chooseMany(values);
  };
  function take(item, element) {
    if (chooseMany) {
      element.setAttribute("aria-checked", String(element.getAttribute("aria-checked") !== "true"));
      allow();
      return;
    }
    close();
    if (choose) choose(item.value);
    else item.act();
  }
  allow();
  const close = pop(anchor, list);
  list.addEventListener("keydown", (event) => walk(event, list, close));
  (list.querySelector('[aria-checked="true"]') ?? list.firstElementChild)?.focus();
}

/** Show any element at an anchor until it is left; returns what closes it. */
export function pop(anchor, element) {
  shut();
  const layer = document.querySelector("#layer");
  layer.append(element);
  place(anchor, element);
  anchor.setAttribute("aria-expanded", "true");
  const outside = (event) => element.contains(event.target) || anchor.contains(event.target) || close(false);
  const keys = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  const close = (back = true) => {
    element.remove();
    anchor.removeAttribute("aria-expanded");
    document.removeEventListener("pointerdown", outside, true);
    element.removeEventListener("keydown", keys);
    removeEventListener("resize", away);
    if (shut === close) shut = () => {};
    if (back) anchor.focus({ preventScroll: true });
  };
  const away = () => close(false);
  document.addEventListener("pointerdown", outside, true);
  element.addEventListener("keydown", keys);
  addEventListener("resize", away);
  shut = close;
  return close;
}

function place(anchor, element) {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  const below = box.bottom + 6 + height <= innerHeight;
  const top = below ? box.bottom + 6 : Math.max(8, box.top - 6 - height);
  const left = Math.max(8, Math.min(box.left, innerWidth - width - 8));
  element.style.top = `${top}px`;
  element.style.left = `${left}px`;
}

function walk(event, list, close) {
  const items = [...list.querySelectorAll("button:not(:disabled)")];
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 + (at < 0 ? 1 : 0), Home: 0, End: items.length - 1 }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    items.at(next % items.length)?.focus();
  } else if (event.key === "Tab") {
    event.preventDefault();
    close();
  } else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey) {
    const found = [...items.slice(at + 1), ...items].find((one) => one.textContent.toLowerCase().startsWith(event.key.toLowerCase()));
    found?.focus();
  }
}
