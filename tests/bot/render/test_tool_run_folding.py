"""A run of tool calls is one line when something follows it; a small change that is shown whole has no patch."""

from typing import Any

import pytest

from acp import Text
from bot.config.appearance import Style
from bot.render.tool_call_history import FEW_LINES
from bot.render.transcript import Transcript
from bot.text.markdown import LIMIT

from .test_transcript import ended, shown, tool


def done(call_id: str, **fields: Any) -> Any:
    """A tool call that has ended."""
    return tool(call_id, title=f"look {call_id}", status="completed", **fields)


def edit(call_id: str, lines: int = 1) -> Any:
    """An edit that adds so many lines."""
    change = {"type": "diff", "path": f"/p/{call_id}.py", "oldText": "", "newText": "x = 1\n" * lines}
    return tool(call_id, title="edit", kind="edit", status="completed", content=[change])


EMPTY = {"type": "diff", "path": "/a", "oldText": None, "newText": ""}
"""A file without content."""

RUN = [done("1"), edit("a", 3), edit("b"), tool("2", title="x", status="failed"), done("3")]
FOLDED = "-# 🛠 5 tools · 2 files · +4 −0 · 1 failed"


def test_a_run_stands_in_full_while_it_is_the_last_thing() -> None:
    """Blank lines are nothing that follows."""
    transcript = Transcript(Style(directory="/p"))
    for event in (*RUN, Text("\n")):
        transcript.apply(event)
    assert "look 1" in transcript.pages()[0]
    transcript.apply(Text("words"))
    assert transcript.pages() == [f"{FOLDED}\n\nwords"]


@pytest.mark.parametrize("follow", ["words", "line", "question", "end"])
def test_what_follows_a_run_folds_it(follow: str) -> None:
    """Words, a line of the bot's, a question or the end; a run behind them is another one."""
    transcript = Transcript(Style(directory="/p"))
    for event in RUN:
        transcript.apply(event)
    match follow:
        case "words":
            transcript.apply(Text("words"))
        case "line":
            transcript.line("-# line")
        case "question":
            transcript.break_at_question()
        case _:
            transcript.end()
    assert transcript.pages()[0].split("\n")[0] == FOLDED
    transcript.apply(done("9"))
    assert "look 9" in transcript.pages()[-1]


def test_a_call_that_runs_on_has_its_line_below_the_folded_ones() -> None:
    """It is counted when it has ended."""
    transcript = Transcript()
    for event in (done("1"), tool("r", title="run", status="in_progress"), done("2"), Text("words")):
        transcript.apply(event)
    assert transcript.pages() == ["-# 🛠 2 tools\n-# ▸ run\nwords"]
    transcript.apply(tool("r", status="failed"))
    assert transcript.pages() == ["-# 🛠 3 tools · 1 failed\nwords"]


def test_a_single_call_and_a_full_list_stay_as_they_are() -> None:
    """There is nothing to gain, or it is not wanted."""
    assert shown(done("1"), Text("words")) == ["-# ✔ look 1\nwords"]
    pages = shown(done("1"), done("2"), Text("words"), style=Style(tools="full"))
    assert pages == ["-# ✔ look 1\n-# ✔ look 2\nwords"]


@pytest.mark.parametrize("looked", [True, False])
def test_pages_that_are_full_stay_as_they_are(*, looked: bool) -> None:
    """Only what is on the last page is folded, and whether somebody has looked changes nothing."""
    transcript = Transcript()
    transcript.apply(Text("word " * (LIMIT // 5 - 20) + "\n"))
    for number in range(5):
        transcript.apply(tool(str(number), title="t" * 100, status="completed"))
        if looked:
            transcript.pages()
    before = transcript.pages()[0] if looked else ""
    transcript.apply(Text("behind"))
    pages = transcript.pages()
    assert not looked or pages[0] == before
    assert "🛠" not in pages[0]


@pytest.mark.parametrize(
    ("events", "style", "has_patch"),
    [
        ([edit("a")], Style(), False),
        ([edit("a"), Text("words")], Style(), False),
        ([edit("a", 9)], Style(), True),  # The excerpt is cut.
        ([edit("a"), edit("b")], Style(), True),  # One line has replaced them.
        ([done("1"), edit("a"), Text("words")], Style(), True),
        ([edit("a"), Text("words"), edit("b")], Style(), False),
        ([edit("a"), edit("b")], Style(tools="full"), False),
        ([edit("a")], Style(tools="off"), True),
        ([part for n in range(FEW_LINES // 5 + 1) for part in (edit(f"{n}", 5), Text("w"))], Style(), True),
        ([tool("a", status="completed", content=[EMPTY])], Style(), True),
    ],
)  # fmt: skip
def test_the_patch_comes_where_the_reply_does_not_show_the_whole_change(
    events: list[Any], style: Style, *, has_patch: bool
) -> None:
    """Or where there is more than a few lines of it."""
    names = [file.name for file in ended(*events, style=style).files()]
    assert names == (["changes.patch"] if has_patch else [])
