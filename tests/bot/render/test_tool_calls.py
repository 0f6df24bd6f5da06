"""Tool calls: one compact line each, a count for many; their changes and output as the style says."""

from typing import Any

from acp.schema import ToolCallUpdate, parse_update
from bot.config.appearance import Style
from bot.questions.tool_description import describe
from bot.render.tool_calls import Call
from bot.render.tool_runs import lines_of
from tests.bot.page_checks import open_fence

COMPACT = Style(directory="/p")
FULL = Style(directory="/p", tools="full")


def call(number: int = 1, style: Style = COMPACT, **fields: Any) -> Call:
    """A call with these fields."""
    update = parse_update({"sessionUpdate": "tool_call_update", "toolCallId": str(number), **fields})
    assert isinstance(update, ToolCallUpdate)
    made = Call(ToolCallUpdate(tool_call_id=str(number)))
    made.take(update, style)
    return made


def diff(old: str, new: str, path: str = "/p/a.py") -> dict[str, str]:
    """A change as ACP writes it."""
    return {"type": "diff", "path": path, "oldText": old, "newText": new}


def test_a_line_has_state_kind_title_and_place() -> None:
    """The place is relative to the session's directory, and left out where the title names it."""
    places = [{"path": "/p/src/a.py", "line": 3}, {"path": "/p/b.py"}]
    assert call(title="Read", kind="read", status="completed", locations=places).line(COMPACT) == (
        "-# ✔ 📖 Read · src/a.py:3 +1"
    )
    assert call(title="Read src/a.py", kind="read", locations=places).line(COMPACT) == "-# ▸ 📖 Read src/a.py"
    assert call(title="ls", kind="execute", locations=[{"path": "/p"}]).line(COMPACT) == "-# ▸ 💻 ls"
    assert call(title="x", kind="invented", status="invented").line(COMPACT) == "-# ▸ x"


def test_a_long_title_takes_one_line_of_bounded_length() -> None:
    """With its line feeds, and its markup is escaped (P58)."""
    line = call(title="rm -rf /\n@everyone " * 500).line(COMPACT)
    assert "\n" not in line
    assert len(line) < 400
    assert "\\@everyone" in line


def test_many_calls_fold_into_a_count_and_the_latest_lines() -> None:
    """Running calls stay; failures are counted."""
    run = [call(number, title=f"t{number}", status="failed" if number == 3 else "completed") for number in range(20)]
    run[2] = call(2, title="t2", status="in_progress")
    lines = lines_of(run, COMPACT).split("\n")
    assert lines[0] == "-# ⋯ 13 earlier, 1 failed"
    assert lines[1] == "-# ▸ t2"
    assert lines[2:] == [f"-# ✔ t{number}" for number in range(14, 20)]
    assert len(lines_of(run, FULL).split("\n")) == 20


def test_the_latest_change_of_a_run_is_shown_in_short() -> None:
    """In full all are; every line has the counts."""
    run = [call(number, title="Edit", status="completed", content=[diff("a\n", f"{number}\n")]) for number in range(2)]
    assert lines_of(run, COMPACT) == "-# ✔ Edit +1 −1\n-# ✔ Edit +1 −1\n```diff\n-a\n+1\n```"
    assert lines_of(run, FULL).count("```diff") == 2


def test_code_in_a_change_does_not_end_its_block() -> None:
    """A changed document may hold fences."""
    text = lines_of([call(title="Edit", status="completed", content=[diff("```\n", "````\n")])], COMPACT)
    assert not open_fence(text)
    assert text.count("```") == 2


def test_a_new_file_without_text_has_no_block_below_its_line() -> None:
    """Discord shows the backticks of a block without code."""
    edit = call(
        title="Make a.py", kind="edit", status="completed", content=[{"type": "diff", "path": "a", "newText": ""}]
    )
    assert lines_of([edit], COMPACT) == "-# ✔ 📝 Make a.py +0 −0"


def test_in_full_the_last_lines_of_a_tools_output_are_shown() -> None:
    """As code, however long it is."""
    output = {"type": "content", "content": {"type": "text", "text": "line\n" * 500 + "the end"}}
    run = [call(style=FULL, title="make", status="failed", content=[output])]
    assert lines_of(run, FULL) == "-# ✘ make\n```\n" + "line\n" * 5 + "the end\n```"
    assert lines_of(run, COMPACT) == "-# ✘ make"


def test_output_that_is_a_code_block_is_shown_as_one_block() -> None:
    """Some agents put it into a fence of their own; a fence inside is kept from ending the block."""
    for text, shown in (
        ("```console\n$ ls\na\n```", "$ ls\na"),
        ("````\n```\n````\n", "``\u200b`"),
        ("```\na", "``\u200b`\na"),
    ):
        output = {"type": "content", "content": {"type": "text", "text": text}}
        run = [call(style=FULL, title="ls", status="completed", content=[output])]
        assert lines_of(run, FULL).partition("\n")[2] == f"```\n{shown}\n```"


def test_a_call_that_has_ended_keeps_nothing_large() -> None:
    """A turn may have thousands; a later repetition by the agent does not bring it back (invariant 12)."""
    made = call(title="Edit", status="completed", rawInput={"x": "y" * 999}, rawOutput="z", content=[diff("a", "b")])
    repeated = parse_update(
        {"sessionUpdate": "tool_call", "toolCallId": "1", "title": "Again", "content": [diff("a", "c")], "rawInput": 1}
    )
    assert isinstance(repeated, ToolCallUpdate)
    assert made.take(repeated, COMPACT) == ()
    assert (made.update.content, made.update.raw_input, made.update.raw_output) == (None, None, None)
    assert made.update.title == "Again"
    assert [change.added for change in made.changes] == [1]


def test_a_call_that_begins_again_says_what_it_does_now() -> None:
    """It has the id of one that has ended: a question that names only the id must not hide the command (P51)."""
    made = call(title="ls", status="completed", rawInput={"command": "ls"})
    told = {"toolCallId": "1", "title": "rm", "rawInput": {"command": "rm -rf /"}, "status": "pending"}
    again = parse_update({"sessionUpdate": "tool_call", **told})
    assert isinstance(again, ToolCallUpdate)
    made.take(again, COMPACT)
    assert describe(made.update).action == "run `rm -rf /`"


def test_a_failed_call_changed_nothing() -> None:
    """Its change is not counted."""
    made = call(title="Edit", status="failed", content=[diff("a\n", "b\n")])
    assert made.changes == ()
    assert made.paths == frozenset()


def test_data_is_returned_once_when_the_call_has_ended() -> None:
    """Updates repeat the whole content."""
    image = {"type": "content", "content": {"type": "image", "data": "AAAA", "mimeType": "image/png"}}
    made = call(title="Shot", status="in_progress", content=[image])
    ended = ToolCallUpdate(tool_call_id="1", status="completed")
    assert len(made.take(ended, COMPACT)) == 1
    assert made.take(ended, COMPACT) == ()
