// The side panel: what the bots ask of Discord, and how near its limits that is.

import { h, icon } from "/page/dom.js";

export class Usage {
  #bars;

  constructor(app) {
    this.element = document.querySelector("#usage");
    this.rate = h("strong.big");
    this.bars = h("div.bars", { role: "img" });
    this.facts = h("dl.facts");
    this.windows = h("ul.windows");
    this.calls = h("tbody");
    const close = h("button.tool", { type: "button", "aria-label": "Close", title: "Close", onclick: () => app.toggleUsage() }, icon("close"));
    this.element.append(
      h("header.pane-head", {}, h("div.titles", {}, h("h2", {}, icon("gauge"), "Discord’s limits")), close),
      h(
        "div.usage-body",
        { tabindex: 0, role: "region", "aria-label": "Requests of the bots" },
        h("p.lead", {}, "The requests that the bots send, compared with Discord’s limits."),
        h("p.meter", {}, this.rate, h("span.of")),
        this.bars,
        this.facts,
        h("p.lead", {}, "Discord answers 429 when a request exceeds a limit. The bot then waits as long as the answer says, and sends it again."),
        h("h3", {}, "Buckets"),
        this.windows,
        h("h3", {}, "Last calls"),
        h("table", {}, h("thead", {}, h("tr", {}, ...["Call", "Status", "ms"].map((name) => h("th", { scope: "col" }, name)))), this.calls),
      ),
    );
  }

  show(usage) {
    if (this.element.hidden) return;
    const { rate, most, seconds, refused, refusals, enforced, windows, calls } = usage;
    this.rate.textContent = String(rate);
    this.element.querySelector(".of").textContent = ` of ${most} requests a second`;
    this.#chart(seconds, most);
    this.facts.replaceChildren(
      ...[
        ["Refused (429), last 30 s", String(refused)],
        ["Refused (429), in all", String(refusals)],
        ["Enforced", enforced.length ? enforced.join(", ").replaceAll("_", " ") : "none, only counted"],
      ].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    );
    this.windows.replaceChildren(...(windows.length ? windows.map(bucket) : [h("li.hint", {}, "No bucket is in use.")]));
    this.calls.replaceChildren(
      ...calls.map((call) =>
        h("tr", {}, h("td", {}, h("span.method", {}, call.method), " ", h("span.path", {}, call.path)), h(`td.status${call.status >= 400 ? ".bad" : ""}`, {}, String(call.status)), h("td", {}, call.ms.toFixed(1))),
      ),
    );
  }

  #chart(seconds, most) {
    this.#bars ??= seconds.map(() => h("i"));
    if (!this.bars.childElementCount) this.bars.append(...this.#bars);
    const top = Math.max(10, ...seconds);
    seconds.forEach((count, at) => {
      this.#bars[at].style.height = `${count ? Math.max(6, (100 * count) / top) : 2}%`;
      this.#bars[at].classList.toggle("over", count > most);
    });
    this.bars.setAttribute("aria-label", `Requests in each of the last ${seconds.length} seconds, at most ${Math.max(...seconds)}`);
  }
}

function bucket(one) {
  const fill = h("i");
  fill.style.width = `${Math.min(100, (100 * one.used) / one.limit)}%`;
  const place = one.place ? `#${one.place}` : "";
  const words = `${one.used} of ${one.limit} in ${one.seconds} s`;
  return h(`li${one.used >= one.limit ? ".full" : ""}`, {}, h("span.name", {}, `${one.method} ${one.name} `, h("span.hint", {}, place)), h("span.count", {}, words), h("span.track", { "aria-hidden": true }, fill));
}
