// Times in the reader's own language and zone.

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
  s: { dateStyle: "short", timeStyle: "short" },
  S: { dateStyle: "short", timeStyle: "medium" },
};
const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** The time of a message: the clock's today, with the date before. */
export function when(ms) {
  const then = new Date(ms);
  return then.toDateString() === new Date().toDateString() ? clock.format(then) : `${date.format(then)} ${clock.format(then)}`;
}

export const hour = (ms) => clock.format(new Date(ms));
export const exactly = (ms) => full.format(new Date(ms));

/** The day of a message, in words. */
export function dayOf(ms) {
  const then = new Date(ms);
  return then.toDateString() === new Date().toDateString() ? "Today" : day.format(then);
}

function ago(then) {
  const seconds = (then - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? UNITS.at(-1);
  return relative.format(Math.round(seconds / size), unit);
}

/** Put what a person reads into each timestamp below `root`. */
export function localise(root) {
  for (const time of root.querySelectorAll("time[data-style]")) {
    const then = new Date(time.dateTime);
    const { style } = time.dataset;
    const text = style === "R" ? ago(then) : new Intl.DateTimeFormat(undefined, STYLES[style] ?? STYLES.f).format(then);
    if (time.textContent !== text) time.textContent = text;
    if (!time.title) time.title = full.format(then);
  }
}
