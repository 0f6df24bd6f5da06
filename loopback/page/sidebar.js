// Where one can go: servers with channels and threads, direct messages; who one is; the theme.

import { avatar, h, icon, sign } from "/page/dom.js";
import { openMenu } from "/page/menu.js";

const THEMES = { auto: "Same as system", light: "Light", dark: "Dark" };
const CATEGORY = 4;

export class Sidebar {
  #app;
  #links = new Map();
  #state = "";

  constructor(app) {
    this.#app = app;
    this.places = document.querySelector("#places");
    this.self = document.querySelector("#self");
    this.link = document.querySelector("#link");
    this.theme = h("button.tool", { type: "button", "aria-haspopup": "menu", onclick: () => this.#chooseTheme() });
    this.rate = h("span.rate", {}, "0/s");
    this.gauge = h("button.tool.gauge", { type: "button", title: "How close the bots are to Discord’s limits", "aria-pressed": "false", onclick: () => app.toggleUsage() }, icon("gauge"), h("span.unseen", {}, "Discord’s limits"), this.rate);
    this.person = h("button.person", { type: "button", "aria-haspopup": "menu", onclick: () => this.#choosePerson() });
    this.self.append(this.person, this.gauge, this.theme);
    this.#showTheme();
  }

  /** Show or clear the warning of a lost connection. */
  connection(state) {
    this.link.textContent = { lost: "reconnecting…", refused: "not connected" }[state] ?? "";
  }

  usage({ rate, refused }) {
    this.rate.textContent = `${rate}/s`;
    this.gauge.classList.toggle("warns", refused > 0);
  }

  /** Rebuild the list if the places changed. Marks of open and unread places are always updated. */
  refresh(overview) {
    const state = JSON.stringify([overview, this.#app.me]);
    if (state !== this.#state) {
      this.#state = state;
      this.#build(overview);
    }
    this.mark();
  }

  #build({ me, guilds, direct }) {
    const focused = document.activeElement?.dataset?.place;
    this.#links.clear();
    this.person.replaceChildren(avatar(me.name), h("span.name", {}, me.name), h("span.hint", {}, "switch person"));
    this.places.replaceChildren(
      ...guilds.map((guild) => this.#guild(guild)),
      ...(direct.length ? [h("section", {}, h("h2", {}, "Direct messages"), h("ul", {}, ...direct.map((one) => this.#direct(one))))] : []),
    );
    if (focused) this.#links.get(focused)?.focus();
  }

  #guild(guild) {
    const channels = guild.channels.filter((one) => !one.thread && one.type !== CATEGORY);
    return h(
      "section",
      {},
      h("h2", {}, guild.name),
      h("ul", {}, ...channels.map((channel) => this.#channel(guild, channel))),
    );
  }

  #channel(guild, channel) {
    const threads = guild.channels.filter((one) => one.parent === channel.id && one.thread);
    const active = threads.filter((one) => !one.archived);
    const archived = threads.filter((one) => one.archived);
    const list = active.length ? h("ul.threads", { "aria-label": `Threads in ${channel.name}` }, ...active.map((one) => h("li", {}, this.#link(one)))) : null;
    const old = archived.length
      ? h("details", {}, h("summary", {}, `Archived (${archived.length})`), h("ul.threads", {}, ...archived.map((one) => h("li", {}, this.#link(one)))))
      : null;
    return h("li", {}, this.#link(channel), list, old);
  }

  #direct(one) {
    const open = async () => {
      const id = one.id ?? (await this.#app.act("direct", { bot: one.bot }))?.channel;
      if (id) this.#app.open(id);
    };
    const link = this.#button(one.id ?? one.bot, presence(one), one.name, open);
    if (!one.online) link.append(h("span.hint", {}, "offline"));
    return h("li", {}, link);
  }

  #link(place) {
    return this.#button(place.id, sign(place), place.name, (event) => this.#app.open(place.id, { beside: event.ctrlKey || event.metaKey }));
  }

  #button(id, mark, name, onclick) {
    const element = h("button.place", { type: "button", dataset: { place: id }, onclick }, mark, h("span.name", {}, name), h("span.pings"));
    this.#links.set(id, element);
    return element;
  }

  /** Mark what is open, unread, and calls for the person. */
  mark() {
    for (const [id, element] of this.#links) {
      const { open, unread, pings } = this.#app.standing(id);
      if (open) element.setAttribute("aria-current", open);
      else element.removeAttribute("aria-current");
      element.classList.toggle("unread", unread);
      const badge = element.querySelector(".pings");
      const text = pings ? String(pings) : "";
      if (badge.textContent !== text) badge.textContent = text;
      const words = pings ? `${pings} for you` : unread ? "unread" : "";
      if (words) element.setAttribute("aria-description", words);
      else element.removeAttribute("aria-description");
    }
  }

  #choosePerson() {
    const { people, me } = this.#app.overview;
    openMenu(this.person, people.map((one) => ({ label: one.name, value: one.id, checked: one.id === me.id })), {
      label: "Switch person",
      choose: (id) => this.#app.be(id),
    });
  }

  #chooseTheme() {
    const now = document.documentElement.dataset.theme ?? "auto";
    const items = Object.entries(THEMES).map(([value, label]) => ({ value, label, checked: value === now }));
    openMenu(this.theme, items, {
      label: "Theme",
      choose: (value) => {
        if (value === "auto") {
          localStorage.removeItem("theme");
          delete document.documentElement.dataset.theme;
        } else {
          localStorage.setItem("theme", value);
          document.documentElement.dataset.theme = value;
        }
        this.#showTheme();
      },
    });
  }

  #showTheme() {
    const now = document.documentElement.dataset.theme ?? "auto";
    this.theme.replaceChildren(icon({ auto: "auto", light: "sun", dark: "moon" }[now]));
    this.theme.setAttribute("aria-label", `Theme: ${THEMES[now]}`);
    this.theme.title = `Theme: ${THEMES[now]}`;
  }
}

function presence(bot) {
  return h(`span.presence${bot.online ? ".online" : ""}`, { "aria-hidden": true });
}
