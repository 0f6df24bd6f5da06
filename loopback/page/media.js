// Files and embeds of a message.

import { h, icon, written } from "/page/dom.js";
import { localise } from "/page/times.js";

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
  return files.map((file) => {
    if (!file.kept) return h("p.file.gone", {}, icon("file"), h("span", {}, `${file.name} is no longer kept`));
    if (file.image) {
      return h("a.picture", { href: file.url, download: file.name }, h("img", { src: file.url, alt: file.about || file.name, loading: "lazy" }));
    }
    return h("a.file", { href: file.url, download: file.name }, icon("file"), h("span.name", {}, file.name), h("span.size", {}, size(file.size)));
  });
}

export function embeds(all) {
  return all.map((embed) => {
    const element = h("section.embed", { "aria-label": embed.title || "Embed" });
    if (embed.colour !== null) element.style.borderLeftColor = `#${embed.colour.toString(16).padStart(6, "0")}`;
    if (embed.author) element.append(h("p.embed-author", {}, embed.author));
    if (embed.title) {
      const title = embed.url ? h("a", { href: embed.url, target: "_blank", rel: "noopener noreferrer nofollow" }, embed.title) : embed.title;
      element.append(h("p.embed-title", {}, title));
    }
    if (embed.html) element.append(marked(embed.html));
    for (const field of embed.fields) element.append(h("div.embed-field", {}, h("strong", {}, marked(field.name)), marked(field.html)));
    if (embed.footer) element.append(h("p.embed-footer", {}, embed.footer));
    return element;
  });
}

function marked(html) {
  const element = written("div", html);
  element.className = "md";
  localise(element);
  return element;
}
