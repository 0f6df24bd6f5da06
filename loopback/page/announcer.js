// What a screen reader is told of new messages: each once, when it has stopped changing, never at every edit.

const STILL_MS = 1500;
const LONGEST = 240;

export class Announcer {
  #region = document.querySelector("#said");
  #waiting = new Map();

  /** Say something now. */
  say(text) {
    this.#region.textContent = text;
  }

  /** A message is new: it is told when it has been still for a while. */
  expect(message) {
    this.#waiting.set(message.id, 0);
    this.changed(message);
  }

  /** A message changed; one that was told stays told. */
  changed(message) {
    if (!this.#waiting.has(message.id)) return;
    clearTimeout(this.#waiting.get(message.id));
    const tell = () => {
      this.#waiting.delete(message.id);
      const text = message.system ?? plain(message.html || written(message.components));
      this.say(`${message.author.name}: ${text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text}`);
    };
    this.#waiting.set(message.id, setTimeout(tell, STILL_MS));
  }
}

/** The HTML of all texts in components. */
function written(components) {
  return components.map((one) => `${one.html ?? ""} ${written(one.components ?? [])}`).join(" ");
}

/** The text of a message's HTML. A template neither runs scripts nor loads files. */
function plain(html) {
  const template = document.createElement("template");
  template.innerHTML = html.replace(/<\/(?:p|h3|li|pre)>/g, " $&");
  return template.content.textContent.replace(/\s+/g, " ").trim();
}
