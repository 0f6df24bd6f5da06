"""`python -m bench.chaos.agent`: the scripted agent with directives of a hostile agent.

Each is a short prompt, which any person in a thread can give, and expensive to handle.
"""

import json
from typing import Final

from loopback.agent.__main__ import main
from loopback.agent.directives import implements
from loopback.agent.script import GRAMMAR, Directive, Word
from loopback.agent.turn import Turn

NAME: Final = 300
"""Characters of an unknown method's name."""

_COUNT = r"(?P<count>\d+)"

GRAMMAR["quotes"] = Word("quotes COUNT", "one chunk of that many `>`", _COUNT)
GRAMMAR["rewrite"] = Word(
    "rewrite LINES", "an edit of a file whose lines are all alike, which is dear to compare", _COUNT
)
GRAMMAR["bulk"] = Word("bulk BYTES", "a tool call with that much output, on one line", _COUNT)
GRAMMAR["flood"] = Word(
    "flood COUNT", "so many unknown requests, notifications, and answers to requests that were never sent", _COUNT
)


def _update(turn: Turn, **update: object) -> None:
    """Send an update without adding it to the session's history, which is written after each turn."""
    turn.wire.notify("session/update", {"sessionId": turn.session.session_id, "update": update})


@implements("quotes")
def _quotes(turn: Turn, directive: Directive) -> None:
    turn.say(">" * directive.whole("count"))


@implements("rewrite")
def _rewrite(turn: Turn, directive: Directive) -> None:
    lines = directive.whole("count")
    old, new = "a\nb\n" * (lines // 2), "b\n\na\n" * (lines // 2)
    diff = {"type": "diff", "path": f"{turn.session.cwd}/alike.txt", "oldText": old, "newText": new}
    turn.move_tool(turn.open_tool("edit", "alike.txt", content=[diff]), "completed")


@implements("bulk")
def _bulk(turn: Turn, directive: Directive) -> None:
    call = turn.open_tool("read", "bulk")
    text = "0123456789" * (directive.whole("count") // 10)
    _update(turn, sessionUpdate="tool_call_update", **call, status="completed", rawOutput={"text": text})


@implements("flood")
def _flood(turn: Turn, directive: Directive) -> None:
    method = "_" + "x" * NAME
    for number in range(directive.whole("count")):
        for message in (
            {"method": f"{method}/{number}", "params": {}},
            {"method": f"{method}/{number}", "params": {}, "id": f"flood-{number}"},
            {"result": {}, "id": f"nobody-asked-{number}"},
        ):
            turn.wire.write_line(json.dumps({"jsonrpc": "2.0", **message}).encode())


if __name__ == "__main__":
    main()
