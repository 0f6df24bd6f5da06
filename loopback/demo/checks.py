"""Checks the conversation of the demo against the messages in loopback. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loopback.agent import canned_replies
from loopback.state import components
from loopback.state.entities import Message

MESSAGE_LIMIT = 2_000  # characters


@dataclass(frozen=True)
class Check:
    """What was checked, and what was wrong. An empty `wrong` means success."""

    what: str
    wrong: str = ""


@dataclass(frozen=True)
class Conversation:
    """The bot's messages in ann's and ben's threads, oldest first, and three of them by their role."""

    ann: Sequence[Message]
    ben: Sequence[Message]
    card: Message | None = None
    cancelled: Message | None = None
    last: Message | None = None


def check_scripted(played: Conversation) -> list[Check]:
    """Return the checks for the conversation with the scripted agent."""
    return [
        _complete("ann's first answer is complete", played.ann, canned_replies.RETRY),
        _complete("ben's answer is complete", played.ben, f"{canned_replies.CAUSE}\n{canned_replies.FIXED}"),
        _overlap(played),
        _answered(played.card),
        _cancelled(played.cancelled),
        _complete("the message after the cancel is answered", played.ann, canned_replies.WORST),
        *check_shape(played),
    ]


def check_plain(played: Conversation) -> list[Check]:
    """Return the checks that hold for any agent."""
    return [
        _not_empty("ann has an answer", played.ann),
        _not_empty("ben has an answer", played.ben),
        *check_shape(played),
    ]


def check_shape(played: Conversation) -> list[Check]:
    """Return the checks of placeholders and of message lengths."""
    everything = [*played.ann, *played.ben]
    placeholders = {message.history[0][1] for message in everything if len(message.history) > 1}
    left = [message.content for message in everything if message.content in placeholders]
    longest = max((len(content) for message in everything for _, content in message.history), default=0)
    return [
        Check("no placeholder is left", f"left: {left[0]!r}" if left else ""),
        Check(f"no message was longer than {MESSAGE_LIMIT} characters", _if(longest > MESSAGE_LIMIT, f"{longest}")),
    ]


def is_stopped(message: Message) -> bool:
    """Return whether the answer says that a person stopped it, by Discord's sign or in words."""
    return "⏹" in message.content or "cancelled" in message.content.lower()


def _complete(what: str, messages: Iterable[Message], expected: str) -> Check:
    shown = "\n".join(message.content for message in messages)
    missing = [line for line in expected.splitlines() if line not in shown and not line.startswith("```")]
    return Check(what, f"missing: {missing[0]!r}" if missing else "")


def _not_empty(what: str, messages: Iterable[Message]) -> Check:
    return Check(what, _if(not any(message.content for message in messages), "nothing was said"))


def _overlap(played: Conversation) -> Check:
    what = "both threads were answered at the same time"
    spans = [_span(messages) for messages in (played.ann, played.ben)]
    begin, end = max(first for first, _ in spans), min(last for _, last in spans)
    return Check(what, _if(begin >= end, f"one began {begin - end:.1f} s after the other had ended"))


def _span(messages: Iterable[Message]) -> tuple[float, float]:
    """Return the times of the first edited message: its beginning and its last edit."""
    edited = next((message.history for message in messages if len(message.history) > 1), [(0.0, "")])
    return edited[0][0], edited[-1][0]


def _answered(card: Message | None) -> Check:
    found = components.walk(card.components if card else [])
    pressable = [one for _, one in found if one.get("type") == components.BUTTON and not one.get("disabled")]
    wrong = "no question was asked" if card is None else _if(bool(pressable), "its buttons can still be pressed")
    return Check("the agent asked, was allowed, and its question is closed", wrong)


def _cancelled(message: Message | None) -> Check:
    what = "the cancelled answer says so, and stops where it was"
    if message is None:
        return Check(what, "it never began")
    if not is_stopped(message):
        return Check(what, f"it ends with {message.content[-60:]!r}")
    return Check(what, _if(f"**{canned_replies.MODULES[-1]}**" in message.content, "it was told to its end"))


def _if(wrong: bool, how: str) -> str:  # noqa: FBT001 - a call reads as a sentence
    return how if wrong else ""
