"""What `threadline check --live CHANNEL` says and posts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

ANY: Final = "-"
"""What is expected of a figure that is only measured."""


def line(verdict: object, step: int, subject: str, expected: str, seen: str) -> str:
    """A finding, as it is printed."""
    return f"{verdict:<8} {step} {subject}: expected {expected} | seen {seen}"


def announce(channel: str, *, people: bool, load: int) -> str:
    """What the check will do. A person confirms it."""
    lines = [
        f"This posts in {channel}. Everyone in the channel sees it.",
        "It makes about a hundred calls in about seven minutes.",
        "It posts and edits messages, opens a thread, adds the bot's owner to it, and uploads 10 MiB.",
        "It is refused a few times on purpose, and logs in three times.",
    ]
    if people:
        lines.append("Then it asks you to press buttons in the thread, and to look at seven messages on a phone.")
    if load:
        lines.append(f"Then it opens {load} more threads, and writes into all of them for a minute.")
    return "\n".join([*lines, "At the end it deletes all of this, also after an error or Ctrl-C."])


CONFIRM: Final = "Start?"


def summary(expected: int, surprises: int, measured: int) -> str:
    """The last line, of the verdicts."""
    return f"{expected} as expected, {surprises} surprises, {measured} measured"


def spent(calls: int, refusals: int) -> str:
    """The last line, of what Discord counts."""
    return f"{calls} calls, {refusals} of them refused for the rate or a missing right"


REMOVED: Final = "Nothing of the check is left in the channel."


def recorded(path: object) -> str:
    """The recording is in a file."""
    return f"Wrote {path}. Read it before you share it."


def link(*ids: object) -> str:
    """A link to a channel or message, by the ids of its server, its channel and itself."""
    return f"https://discord.com/channels/{'/'.join(map(str, ids))}"


# ---- in general


def answer(status: int, code: int) -> str:
    """A status, with Discord's error code."""
    return f"{status}, code {code}" if code else str(status)


def window(limit: float | None, seconds: float | None) -> str:
    """A window, as its headers describe it."""
    return "no window" if limit is None or seconds is None else f"{limit:g} in {seconds:g} s"


def refused_of(refused: int, calls: int) -> str:
    """The outcome of several calls."""
    return f"{refused} of {calls} refused"


def not_tried(reason: str) -> str:
    """A step that could not be made."""
    return f"not tried: {reason}"


STEP: Final = "the step"
COMPLETES: Final = "it can be tried"
NO_MESSAGE: Final = "the first message was not posted"
NO_THREAD: Final = "the thread was not opened"


def not_posted(answered: str) -> str:
    """A message that a step needs."""
    return f"a message was not posted: {answered}"


# ---- 1: identifies and round trips

GATEWAY_BOT: Final = "GET /gateway/bot"
IDENTIFIES: Final = "identifies"
IDENTIFIES_LEFT: Final = "identifies left"
READS: Final = "20 reads in a row"
ROUND_TRIP: Final = "round trip"


def identifies(total: object, together: object) -> str:
    """The bot's allowance at the gateway."""
    return f"{total} a day, {together} at a time"


def percentiles(half: float, most: float) -> str:
    """A distribution of seconds."""
    return f"p50 {half * 1000:.0f} ms, p95 {most * 1000:.0f} ms"


# ---- 2: windows

FIRST_MESSAGE: Final = (
    "**Threadline's live check is running.** It deletes this message and its thread within about ten minutes."
)
SEND_WINDOW: Final = "window of sends"
EDITS: Final = "nine edits, one every 1.25 s"
REMAINING: Final = "calls left after each edit"
BUCKETS: Final = "buckets of sends and edits"
ONE_BUCKET: Final = "one bucket"
SIX_EDITS: Final = "six edits at once"
EDIT_REFUSAL: Final = "the refusal of an edit"
REACTION_WINDOW: Final = "window of reactions"
TWO_REACTIONS: Final = "two reactions at once"
TYPING: Final = "typing six times at once"


def edited(number: int) -> str:
    """The content of an edit."""
    return f"Threadline's live check: edit {number}"


def buckets(names: Collection[str]) -> str:
    """How many buckets answers named."""
    return ONE_BUCKET if len(names) == 1 else f"{len(names)} buckets"


def refusal(scope: object, wait: object, *, via: bool) -> str:
    """What a 429 says."""
    return f"scope {scope}, {'with' if via else 'without'} Via, wait {wait} s"


# ---- 4: threads

THREAD_NAME: Final = "Threadline's live check"
OTHER_NAME: Final = "Threadline's live check, renamed"
OPEN_THREAD: Final = "a thread on the message"
THREAD_ID: Final = "the thread's ID"
SAME_ID: Final = "that of its message"
THREAD_WINDOW: Final = "window of new threads"
ADD_MEMBER: Final = "adding the bot's owner to the thread"
OWNER_ELSEWHERE: Final = "the owner is not in this server"
RENAME: Final = "renaming the thread"
ARCHIVE: Final = "archiving the thread"
EDIT_ARCHIVED: Final = "an edit in the archived thread"
REOPEN: Final = "opening the thread again"
EDIT_REOPENED: Final = "an edit in the opened thread"
DELETE: Final = "deleting a message"
EDIT_DELETED: Final = "an edit of the deleted message"
EMOJI: Final = "all reactions of the bot"
ALL_TAKEN: Final = "all accepted"
IN_THREAD: Final = "Threadline's live check: a message"
TO_DELETE: Final = "Threadline's live check: a message to delete"


def same_id(*, same: bool) -> str:
    """Whether a thread has the ID of its message."""
    return SAME_ID if same else "another one"


def refused_emoji(emoji: Sequence[str]) -> str:
    """The reactions that Discord did not take."""
    return f"refused: {' '.join(emoji)}" if emoji else ALL_TAKEN


# ---- 3: nonces and length

SAME_NONCE: Final = "Threadline's live check: a nonce"
NONCE_AGAIN: Final = "the same nonce again"
NONCE_LATER: Final = "the same nonce after 3 minutes"
NONCE_MUCH_LATER: Final = "the same nonce after 6 minutes"
LONGEST: Final = "2,000 emoji"
TOO_LONG: Final = "2,001 emoji"


def waits(seconds: float) -> str:
    """Nothing is printed for a while."""
    return f"Waiting for {seconds:.0f} s, until the nonce is old."


def same_message(*, same: bool) -> str:
    """What a nonce brings."""
    return "the first message" if same else "another message"


# ---- 5: files

FILE_LINE: Final = "Threadline's live check: a line of a file.\n"
SPEED: Final = "time for 9.9 MiB, up and down"


def name_of(file: str) -> str:
    """The subject of a file's name."""
    return f"{file}: name"


def encoding_of(file: str) -> str:
    """The subject of a file's encoding."""
    return f"{file}: encoding"


def bytes_of(file: str) -> str:
    """The subject of a file's content."""
    return f"{file}: content"


def file_name(kept: str, title: str | None) -> str:
    """The name that Discord gives to a file, and the title."""
    return f"{kept}, title {title}" if title else kept


def encoding(name: str) -> str:
    """How a file came."""
    return name or "none"


def content(count: int, *, same: bool) -> str:
    """The size of a file's content, and whether it is what was sent."""
    return f"{count} bytes, {'as' if same else 'not as'} sent"


def seconds(*times: float) -> str:
    """Durations."""
    return ", ".join(f"{each * 1000:.0f} ms" for each in times)


# ---- 6: texts and links

BEFORE_LINK: Final = "Threadline's live check: a link follows"
LINK: Final = "Threadline's live check: https://discord.com/"
NO_PREVIEW: Final = "an edit with a link, after 5 s"
VERBATIM: Final = "a text with hard parts"
HARD_TEXT: Final = "||hidden|| __init__ <:nope:1> :tada: <t:0:R> \\*"
TRIMMED: Final = "spaces at the ends of a text"
SPACED: Final = "Threadline's live check: spaces"


FORUM_POST: Final = "a post in the forum"
TAGS: Final = "four changes of a post's tags"
NO_FORUM: Final = "not tried without --forum"
IN_FORUM: Final = "Threadline's live check: a post"


def previews(count: int) -> str:
    """The previews of links."""
    return f"{count} previews"


# ---- 7: the gateway

IDENTIFY: Final = "a first identify"
RESUME_BROKEN: Final = "a resume after close code 4000"
RESUME_CLOSED: Final = "a resume after close code 1000"
IDENTIFY_AGAIN: Final = "a second identify"
COUNTED: Final = "identifies counted"
NO_GATEWAY: Final = "there is no connection to the gateway"


# ---- 8: people

BUTTON: Final = "a button"
MENU: Final = "a menu"
MENU_VALUE: Final = "the choice in the menu"
FORM: Final = "a button that opens a form"
FORM_SENT: Final = "the form"
FORM_FIELDS: Final = "the fields of the form"
PRESS_BUTTON: Final = "**1 of 3.** Press this button."
PRESS_MENU: Final = "**2 of 3.** Choose something in this menu."
PRESS_FORM: Final = "**3 of 3.** Open this form, fill in what you like, and send it."
PRESS: Final = "Press"
OPEN_FORM: Final = "Open the form"
FORM_TITLE: Final = "Threadline's live check"
FIELDS: Final = ("One line", "Lines", "Menu", "People", "Channels")
OPTIONS: Final = ("Red", "Green", "Blue")
ONE_OPTION: Final = "one of the options"
YES: Final = "Looks right on the phone"
NO: Final = "Looks wrong"
PAGES: Final = {
    "table": "A table in a code block:\n```\nname   | size\n-------+-----\nalpha  |   12\nomega  |    7\n```",
    "lists": "Nested lists:\n1. one\n   - one a\n     - one a i\n2. two\n- three",
    "links": "Links: [a title](<https://discord.com/>) and <https://discord.com/>, without previews",
    "diff": "A diff, in colours:\n```diff\n- before\n+ after\n```",
    "spoiler": "A spoiler: ||hidden until you touch it||",
    "subtext": "Words\n-# and a small grey line below them",
    "long code": "Twenty lines of code:\n```py\n" + "".join(f"print({number})\n" for number in range(20)) + "```",
}
"""What the bot's answers are made of, by name."""


def look(link: str) -> str:
    """What the person at the terminal has to do now."""
    return f"Open the thread, on a phone if you have one, and press what it asks for: {link}"


def not_pressed(seconds: float) -> str:
    """No press came."""
    return f"no press within {seconds:g} s"


def acknowledged(subject: str) -> str:
    """The subject of the time that an answer took."""
    return f"{subject}: time to acknowledge"


def options(names: Sequence[str]) -> str:
    """Names of options or fields."""
    return ", ".join(names) or "none"


def page(name: str) -> str:
    """The subject of a page."""
    return f"the page of {name}"


# ---- 9: load

LOAD_REFUSED: Final = "refusals of many streams"
NONE: Final = "none"
STALENESS: Final = "age of a token when it shows"
NOTHING_SHOWN: Final = "no edit was confirmed"


def load_thread(number: int) -> str:
    """The name of a thread, and its first message."""
    return f"Threadline's live check: stream {number + 1}"


def by_code(refused: Mapping[int, int]) -> str:
    """How many calls were refused, by Discord's error code."""
    return ", ".join(f"{count} with code {code}" for code, count in sorted(refused.items())) or NONE
