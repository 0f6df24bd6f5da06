"""`python -m bench.agent`: loopback's scripted agent with the directives `stamp`, `tokens`, `flood` and `hostile`."""

import json
import time
from array import array
from pathlib import Path
from typing import Final

from bench.hostile_input import CASES
from bench.timestamps import stamp, token
from loopback.agent.__main__ import main
from loopback.agent.directives import implements
from loopback.agent.script import GRAMMAR, Directive, Word
from loopback.agent.turn import Turn, text_update

_BLOCK: Final = 64  # lines in one write

GRAMMAR["stamp"] = Word(
    "stamp N RATE",
    "N chunks that say when they were written, RATE a second",
    r"(?P<count>\d+) (?P<rate>\d+(?:\.\d+)?)",
)
GRAMMAR["tokens"] = Word(
    "tokens N RATE FILE",
    "N numbered tokens, RATE a second; the times of writing (seconds, an array of doubles) go to FILE before the last",
    r"(?P<count>\d+) (?P<rate>\d+(?:\.\d+)?) (?P<file>\S+)",
)
GRAMMAR["flood"] = Word(
    "flood N CHARACTERS",
    "N chunks of that much text, as fast as they are read",
    r"(?P<count>\d+) (?P<characters>\d+)",
)
GRAMMAR["hostile"] = Word("hostile CASE", "what `hostile_input` has by that name", r"(?P<case>\S.*)")


@implements("stamp")
def _stamp(turn: Turn, directive: Directive) -> None:
    rate, start = directive.number("rate"), time.monotonic()
    for number in range(directive.whole("count")):
        if number:
            turn.wait(start + number / rate - time.monotonic())
        turn.say(stamp(number, time.monotonic()))


@implements("tokens")
def _tokens(turn: Turn, directive: Directive) -> None:
    rate, count, start = directive.number("rate"), directive.whole("count"), time.monotonic()
    written = array("d")
    for number in range(count):
        turn.wait(start + number / rate - time.monotonic())
        written.append(time.monotonic())
        if number == count - 1:  # The file is complete when this one is seen.
            Path(directive.text("file")).write_bytes(written.tobytes())
        turn.say(token(number))


@implements("flood")
def _flood(turn: Turn, directive: Directive) -> None:
    text = "word " * (directive.whole("characters") // 5 + 1)
    update = text_update("agent_message_chunk", text[: directive.whole("characters")])
    params = {"sessionId": turn.session.session_id, "update": update}
    message = {"jsonrpc": "2.0", "method": "session/update", "params": params}
    line = json.dumps(message, separators=(",", ":")).encode()
    left = directive.whole("count")
    while left:
        lines = min(left, _BLOCK)
        turn.wait(0)  # Raises after a cancel.
        turn.wire.write_line(b"\n".join([line] * lines))
        left -= lines


@implements("hostile")
def _hostile(turn: Turn, directive: Directive) -> None:
    for line in CASES[directive.text("case")].lines(turn.session.session_id):
        turn.wait(0)
        turn.wire.write_line(line)


if __name__ == "__main__":
    main()
