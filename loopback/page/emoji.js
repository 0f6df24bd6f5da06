// A few emoji to react with, and a field for any other.

import { h } from "/page/dom.js";
import { pop } from "/page/menu.js";

const COMMON = ["👍", "👎", "❤️", "🎉", "👀", "🚀", "✅", "❌", "😄", "😕", "🤔", "🙏", "🔥", "💯", "⏳", "🛑", "🐛", "💡"];

/** Choose an emoji at an anchor. */
export function pickEmoji(anchor, choose) {
  const take = (emoji) => {
    close();
    choose(emoji);
  };
  const field = h("input", { type: "text", "aria-label": "Another emoji", placeholder: "Another emoji", maxlength: 40 });
  const other = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        if (field.value.trim()) take(field.value.trim());
      },
    },
    field,
  );
  const grid = h("div.grid", {}, ...COMMON.map((emoji) => h("button", { type: "button", "aria-label": emoji, onclick: () => take(emoji) }, emoji)));
  const box = h("div.emoji-box", { role: "dialog", "aria-label": "React" }, grid, other);
  const close = pop(anchor, box);
  grid.firstElementChild.focus();
}
