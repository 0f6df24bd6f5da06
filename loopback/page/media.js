// Files and embeds of a message.

import { h, icon } from "/page/dom.js";
import { marked } from "/page/text.js";

const UNITS = ["bytes", "KB", "MB"];

/** A file's size for people. */
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : value} ${UNITS[unit]}`;
}

export function attachments(files) {
  return files.map((one) => (one.kept && one.image ? picture(one) : file(one)));
}

/** A file to take along. One of the web is a link, because the page loads nothing from elsewhere. */
export function file(one) {
  if (!one) return h("p.file.gone", {}, icon("file"), h("span", {}, "This file is missing"));
  if (one.web) return h("a.file", { href: one.url, target: "_blank", rel: "noopener noreferrer nofollow" }, icon("file"), h("span.name", {}, one.name));
  if (!one.kept) return h("p.file.gone", {}, icon("file"), h("span", {}, `${one.name} is no longer kept`));
  return h("a.file", { href: one.url, download: one.name }, icon("file"), h("span.name", {}, one.name), h("span.size", {}, size(one.size)));
}

/** A picture, or what there is in its place; `about` describes it. */
export function picture(one, about = "") {
  if (!one?.kept || !one.image) return file(one);
  return h("a.picture", { href: one.url, download: one.name }, h("img", { src: one.url, alt: about || one.about || one.name, loading: "lazy" }));
}

export function embeds(app, all) {
  return all.map((embed) => {
    const element = h("section.embed", { "aria-label": embed.title || "Embed" });
    if (embed.colour !== null) element.style.borderLeftColor = `#${embed.colour.toString(16).padStart(6, "0")}`;
    if (embed.author) element.append(h("p.embed-author", {}, embed.author));
    if (embed.title) {
      const title = embed.url ? h("a", { href: embed.url, target: "_blank", rel: "noopener noreferrer nofollow" }, embed.title) : embed.title;
      element.append(h("p.embed-title", {}, title));
    }
    if (embed.html) element.append(marked(app, embed.html));
    for (const field of embed.fields) element.append(h("div.embed-field", {}, h("strong", {}, marked(app, field.name)), marked(app, field.html)));
    if (embed.footer) element.append(h("p.embed-footer", {}, embed.footer));
    return element;
  });
}
