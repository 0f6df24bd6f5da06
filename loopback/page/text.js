// Texts of people and bots: the server's HTML with code to copy, spoilers, mentions and times.

import { h, icon, written } from "/page/dom.js";
import { highlight } from "/page/highlight.js";
import { localise } from "/page/times.js";

/** An element with a text of the server's HTML. */
export function marked(app, html) {
  const body = written("div", html);
  body.className = "md";
  for (const code of body.querySelectorAll("pre > code")) dress(code);
  for (const spoiler of body.querySelectorAll(".spoiler")) hide(spoiler);
  for (const mention of body.querySelectorAll(`[data-user="${app.me.id}"], .everyone`)) mention.classList.add("me");
  for (const place of body.querySelectorAll(".mention[data-channel]")) lead(app, place);
  localise(body);
  return body;
}

/** A code block with its language and a way to take it along. */
function dress(code) {
  const { language } = code.dataset;
  highlight(code);
  const copy = h("button.copy", { type: "button", "aria-label": "Copy the code" }, icon("copy"));
  const block = h("div.code", {}, h(`div.code-head${language ? "" : ".bare"}`, {}, language ? h("span", {}, language) : null, copy));
  code.parentElement.replaceWith(block);
  block.append(h("pre", {}, code));
}

/** Cover a spoiler until it is pressed. */
export function hide(spoiler) {
  spoiler.replaceChildren(h("span", {}, ...spoiler.childNodes));
  spoiler.setAttribute("role", "button");
  spoiler.setAttribute("tabindex", "0");
  spoiler.setAttribute("aria-expanded", "false");
  spoiler.setAttribute("aria-label", "Spoiler, press to show");
}

/** Show what a spoiler covers. */
export function uncover(spoiler) {
  spoiler.classList.add("shown");
  spoiler.setAttribute("aria-expanded", "true");
  for (const name of ["aria-label", "role", "tabindex"]) spoiler.removeAttribute(name);
}

/** A mention of a channel or a message leads there. */
function lead(app, mention) {
  mention.setAttribute("role", "link");
  mention.setAttribute("tabindex", "0");
  const name = mention.textContent;
  if (app.place(mention.dataset.channel)?.thread) mention.replaceChildren(icon("thread"), name.replace(/^#/, " "));
  if (!mention.dataset.message) return;
  mention.setAttribute("aria-label", `Message in ${name}`);
  mention.append(h("span.step", { "aria-hidden": true }, "›"), icon("message"));
}
