"""`python -m bench.versus.agent`: loopback's scripted agent with the directives of the scenes.

A request has its tag in small letters, and the answer in capitals, so that a bot that quotes the request has not
answered it. The agent notes what it was told and what it said in the file that THREADLINE_VERSUS_NOTES names, one JSON
object a line.
"""

import json
import os
import time
from pathlib import Path
from typing import Final

from bench.versus.hard_texts import HARD_TEXTS
from loopback.agent.__main__ import main
from loopback.agent.directives import implements
from loopback.agent.script import GRAMMAR, Directive, Word
from loopback.agent.turn import Turn, text_update

NOTES: Final = "THREADLINE_VERSUS_NOTES"

_TAG: Final = r"(?P<tag>[a-z]+)"

GRAMMAR["tell"] = Word(
    "tell TAG [TEXT]", "notes that it was told, and says the tag in capitals, and TEXT", rf"{_TAG}(?: (?P<text>.+))?"
)
GRAMMAR["tokens"] = Word(
    "tokens TAG N RATE",
    "N tokens, RATE a second: the tag in capitals and a number; notes when it said each",
    rf"{_TAG} (?P<count>\d+) (?P<rate>\d+(?:\.\d+)?)",
)
GRAMMAR["until"] = Word("until NAME", "waits until a file of that name stands beside the notes", r"(?P<name>[a-z]+)")
GRAMMAR["recite"] = Word("recite NAME", "the hard text of that name, in small pieces", r"(?P<name>[\w-]+)")
GRAMMAR["pour"] = Word(
    "pour TAG LINES", "numbered lines of 100 characters, as fast as they are read", rf"{_TAG} (?P<count>\d+)"
)
GRAMMAR["stretch"] = Word(
    "stretch TAG BYTES", "the tag in capitals and that many bytes on one line", rf"{_TAG} (?P<size>\d+)"
)

GRAMMAR["mention"] = Word(
    "mention WHOM [ID]",
    "a mention; the request holds none, because bots take mentions out of what they pass on",
    r"(?P<whom>everyone|here|user|role)(?: (?P<id>\d+))?",
)

_MENTIONS: Final = {"everyone": "@everyone", "here": "@here", "user": "<@{}>", "role": "<@&{}>"}

_LOOK_SECONDS: Final = 0.02

_LINE: Final = 100
"""Characters of a poured line."""

_PIECE: Final = 7
"""Characters of a piece of a hard text: few enough that pieces end in the middle of every construct."""


def _note(turn: Turn, what: str, **more: object) -> None:
    note = {"at": time.monotonic(), "what": what, "pid": os.getpid(), "session": turn.session.session_id, **more}
    file = os.open(os.environ[NOTES], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, json.dumps(note).encode() + b"\n")
    finally:
        os.close(file)


@implements("tell")
def _tell(turn: Turn, directive: Directive) -> None:
    tag = directive.text("tag")
    _note(turn, "told", tag=tag)
    turn.say(f"{tag.upper()} {directive.text('text')}".strip())


@implements("mention")
def _mention(turn: Turn, directive: Directive) -> None:
    turn.say(f"{_MENTIONS[directive.text('whom')].format(directive.text('id'))} ")


@implements("tokens")
def _tokens(turn: Turn, directive: Directive) -> None:
    tag, rate, start = directive.text("tag"), directive.number("rate"), time.monotonic()
    _note(turn, "told", tag=tag)
    said: list[float] = []
    for number in range(directive.whole("count")):
        turn.wait(start + number / rate - time.monotonic())
        said.append(time.monotonic())
        turn.say(f"{tag.upper()}{number} ")
    _note(turn, "said", tag=tag, times=said)


@implements("until")
def _until(turn: Turn, directive: Directive) -> None:
    awaited = Path(os.environ[NOTES]).with_name(directive.text("name"))
    while not awaited.exists():
        turn.wait(_LOOK_SECONDS)


@implements("recite")
def _recite(turn: Turn, directive: Directive) -> None:
    text = HARD_TEXTS[directive.text("name")].text
    for at in range(0, len(text), _PIECE):
        turn.say(text[at : at + _PIECE])
    _note(turn, "recited", name=directive.text("name"))


@implements("stretch")
def _stretch(turn: Turn, directive: Directive) -> None:
    turn.say(f"{directive.text('tag').upper()} {'word ' * (directive.whole('size') // 5)}")


@implements("pour")
def _pour(turn: Turn, directive: Directive) -> None:
    tag = directive.text("tag")
    _note(turn, "told", tag=tag)
    for number in range(directive.whole("count")):
        turn.wait(0)  # Raises after a cancel.
        text = f"{tag.upper()}{number} ".ljust(_LINE - 1, "x") + "\n"
        # Past the session's history, to which each piece would add a copy of the text so far.
        params = {"sessionId": turn.session.session_id, "update": text_update("agent_message_chunk", text)}
        turn.wire.notify("session/update", params)
    _note(turn, "said", tag=tag)


if __name__ == "__main__":
    main()
