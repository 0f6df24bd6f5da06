// Names that can be written in a message, and the codes that are sent for them.

/** The members whom a person can mention in a guild, bots first; an empty list in a direct message. */
export function mentionable(guild) {
  const people = (guild?.members ?? []).map((one) => ({ name: one.name, code: `<@${one.id}>`, hint: one.bot ? "bot" : "", bot: one.bot }));
  people.sort((one, other) => Number(other.bot) - Number(one.bot));
  return [...people, ...(guild?.roles ?? []).map((one) => ({ name: one.name, code: `<@&${one.id}>`, hint: "role", bot: false }))];
}

/** The channels and threads of a guild. */
export function linkable(guild) {
  return (guild?.channels ?? []).map((one) => ({ name: one.name, code: `<#${one.id}>`, hint: one.thread ? "thread" : "" }));
}

/** The text with codes for the names in it, except in code; the longest name that fits is meant. */
export function encoded(guild, text) {
  const known = [...mentionable(guild).map((one) => ["@", one]), ...linkable(guild).map((one) => ["#", one])];
  known.sort(([, one], [, other]) => other.name.length - one.name.length);
  return text
    .split(/(```[\s\S]*?```|`[^`\n]*`)/)
    .map((part, at) => (at % 2 ? part : named(part, known)))
    .join("");
}

function named(text, known) {
  let rest = text;
  for (const [sign, one] of known) {
    const escaped = one.name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    rest = rest.replace(new RegExp(`(^|[^\\w<])${sign}${escaped}(?![\\w])`, "gi"), (_, before) => before + one.code);
  }
  return rest;
}
