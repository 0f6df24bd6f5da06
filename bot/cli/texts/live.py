"""What `threadline check --live` says and posts."""

from collections.abc import Collection, Sequence
from typing import Final

ANY: Final = "-"
"""What is expected of a figure that is only measured."""


def line(verdict: object, step: int, subject: str, expected: str, seen: str) -> str:
    """A finding, as it is printed."""
    return f"{verdict:<8} {step} {subject}: expected {expected} | seen {seen}"


def announce(channel: str) -> str:
    """What the check will do. A person confirms it."""
    return (
        f"This posts in {channel}. Everyone in the channel sees it.\n"
        "It makes about 80 calls in about a minute: it posts and edits messages, opens a thread, adds the bot's owner"
        " to it, and is refused a few times on purpose.\n"
        "At the end it deletes the thread and its messages, also after an error or Ctrl-C."
    )


CONFIRM: Final = "Start?"


def summary(expected: int, surprises: int, measured: int) -> str:
    """The last line, of the verdicts."""
    return f"{expected} as expected, {surprises} surprises, {measured} measured"


def spent(calls: int, refusals: int) -> str:
    """The last line, of what Discord counts."""
    return f"{calls} calls, {refusals} of them refused for the rate or a missing right"


REMOVED: Final = "The messages and the thread are deleted."


def recorded(path: object) -> str:
    """The recording is in a file."""
    return f"Wrote {path}. Read it before you share it."


def link(guild_id: object, channel_id: object, message_id: object) -> str:
    """A link to a message."""
    return f"https://discord.com/channels/{guild_id}/{channel_id}/{message_id}"


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
