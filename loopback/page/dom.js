// Elements from plain values: texts are always set as text, never read as markup.

/** An element: `h("button.primary", {type: "button", onclick: press}, "Save")`. */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "dataset") Object.assign(element.dataset, value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

/** An element with HTML that the server made; it escapes what people wrote. */
export function written(tag, html) {
  const element = h(tag);
  element.innerHTML = html;
  return element;
}

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  note: "M5 12h12M12 7l5 5-5 5",
  hash: "M5 9h14M4 15h14M10 3 8 21M16 3l-2 18",
  thread: "M4 5h16v11H9l-5 4zM8 9h8M8 12.5h5",
  voice: "M4 9.5v5h3.5l5 4v-13l-5 4zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11",
  stage: "M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M7.5 15.5a5.5 5.5 0 0 1 0-7M16.5 8.5a5.5 5.5 0 0 1 0 7M5 18a9 9 0 0 1 0-12M19 6a9 9 0 0 1 0 12M12 14.5V20",
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6 6 18",
  beside: "M4 5h16v14H4zM13 5v14",
  face: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 14.5c2 2.4 5 2.4 7 0M9 9.5v.5M15 9.5v.5",
  reply: "M10 6 4 12l6 6M4 12h9c4 0 7 2 7 6",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  plus: "M12 5v14M5 12h14",
  send: "M4 12 20 4l-5 16-4-6z",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  gauge: "M4 18a8.5 8.5 0 1 1 16 0M12 15l4-5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5",
  auto: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 3v18M12 7h5.5M12 11h8.5M12 15h7.5",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  down: "M12 5v14M6 13l6 6 6-6",
  message: "M4 5h16v11H11l-5 4v-4H4z",
  at: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M16 8v5.5c0 3 5 3 5-1.5a9 9 0 1 0-4 7.5",
};

/** A line drawing of `PATHS`, for the eye only. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

const VOCAL = { 2: "voice", 13: "stage" };

/** The sign of a place one can go to. */
export function sign(place) {
  return icon(place.thread ? "thread" : place.direct ? "at" : VOCAL[place.type] ?? "hash");
}

/** A round picture of a person: the initial on a colour of their own. */
export function avatar(name, small = false) {
  const tone = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 1) % 8;
  return h(`span.avatar.tone-${tone}${small ? ".small" : ""}`, { "aria-hidden": true }, [...name][0]?.toUpperCase() ?? "?");
}

/**
 * Change `old` into `fresh` in place, touching only what differs, so that selections, open spoilers and a press that
 * has begun stay. What has a `data-key` stays the same element, with its listeners, as long as the key does.
 */
export function morph(old, fresh) {
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((next, at) => {
    const now = before[at];
    if (!now) old.append(next);
    else if (!sameKind(now, next)) now.replaceWith(next);
    else if (now.nodeType === Node.TEXT_NODE) {
      if (now.data !== next.data) now.data = next.data;
    } else if (!now.isEqualNode(next)) {
      if (next.dataset.key) for (const each of next.attributes) now.setAttribute(each.name, each.value);
      morph(now, next);
    }
  });
  before.slice(after.length).forEach((now) => now.remove());
}

function sameKind(one, other) {
  if (one.nodeType !== other.nodeType || one.nodeName !== other.nodeName) return false;
  if (one.nodeType !== Node.ELEMENT_NODE) return true;
  if (one.dataset.key) return one.dataset.key === other.dataset.key;
  if (one.classList.contains("spoiler")) return other.classList.contains("spoiler");
  return (
    one.attributes.length === other.attributes.length &&
    [...one.attributes].every((each) => other.getAttribute(each.name) === each.value)
  );
}

/** Whether id `one` is older than `other`; ids are too large for numbers. */
export const older = (one, other) => one.length < other.length || (one.length === other.length && one < other);
