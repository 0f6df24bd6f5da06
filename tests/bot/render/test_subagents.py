"""The lines of subagents in a reply."""

import re
from dataclasses import replace
from typing import Any

import pytest

from acp import Event, MessageBegun, Subagent, SubagentState, SubagentToolCall, Text
from acp.schema import ToolCallUpdate, parse_update
from bot.config.appearance import Style
from bot.render.subagents import MOST
from bot.render.tool_call_history import MOST as MOST_CALLS
from bot.render.tool_runs import MOST as MOST_LINES
from bot.render.tool_runs import MOST_SUBAGENTS
from bot.render.transcript import Transcript

RESEARCHER = Subagent("a", 1, "researcher", "Find it", SubagentState.RUNNING)
TESTER = Subagent("b", 1, "tester", "Run the tests", SubagentState.RUNNING)


def tool(subagent: Subagent, call_id: str, title: str, status: str = "completed", **more: Any) -> SubagentToolCall:
    """A tool call of a subagent."""
    update = parse_update({
        "sessionUpdate": "tool_call_update", "toolCallId": call_id, "title": title, "status": status, **more
    })  # fmt: skip
    assert isinstance(update, ToolCallUpdate)
    return SubagentToolCall(subagent, update)


def own(call_id: str, title: str = "Mine", status: str = "completed") -> ToolCallUpdate:
    """A tool call of the agent itself."""
    return tool(RESEARCHER, call_id, title, status).update


def after(subagent: Subagent, state: SubagentState, reason: str = "") -> Subagent:
    """The subagent in another state."""
    return replace(subagent, state=state, reason=reason)


def shown(*events: Event, style: Style = Style()) -> str:  # noqa: B008 - frozen
    """What the reply shows after these events."""
    transcript = Transcript(style)
    for event in events:
        transcript.apply(event)
    return "\n---\n".join(transcript.pages())


def test_each_subagent_is_one_line_and_its_tool_calls_belong_to_it() -> None:
    """Calls with equal ids are different ones; the line shows the one that runs, else the latest."""
    assert shown(RESEARCHER) == "-# ↳ ▸ 🤖 researcher · Find it"
    text = shown(
        *(RESEARCHER, TESTER),
        tool(RESEARCHER, "1", "Read a.py", kind="read"),
        tool(TESTER, "1", "pytest", "in_progress", kind="execute"),
        tool(RESEARCHER, "2", "Read b.py", "in_progress", kind="read"),
        tool(RESEARCHER, "3", "grep", kind="search"),
        tool(TESTER, "2", "Look", kind="search"),
    )
    assert text == ("-# ↳ ▸ 🤖 researcher · Find it · 📖 Read b.py\n-# ↳ ▸ 🤖 tester · Run the tests · 💻 pytest")


def test_a_subagent_whose_latest_call_was_rejected_does_not_seem_to_run_it() -> None:
    """The subagent may think for long before it does something else."""
    text = shown(TESTER, tool(TESTER, "1", "pytest", "failed", kind="execute"))
    assert text == "-# ↳ ▸ 🤖 tester · Run the tests · ✘ 💻 pytest"


@pytest.mark.parametrize(
    ("state", "reason", "line"),
    [
        (SubagentState.WAITING, "", "❓ 🤖 researcher · Find it · waiting for an answer"),
        (SubagentState.COMPLETED, "", "✔ 🤖 researcher · Find it · 2 tools, 1 failed"),
        (
            SubagentState.FAILED,
            "it *broke*",
            r"✘ 🤖 researcher · Find it · it \*broke\* · 2 tools, 1 failed",
        ),
        (SubagentState.CANCELLED, "", "■ 🤖 researcher · Find it · 2 tools, 1 failed"),
        (SubagentState.UNKNOWN, "", "▸ 🤖 researcher · Find it · ✘ make"),
    ],
)
def test_its_line_says_its_state_and_what_it_came_to(state: SubagentState, reason: str, line: str) -> None:
    """At the end the number of its tools, and why it failed."""
    calls = (tool(RESEARCHER, "1", "look"), tool(RESEARCHER, "2", "make", "failed"))
    assert shown(RESEARCHER, *calls, after(RESEARCHER, state, reason)) == f"-# ↳ {line}"


def test_a_subagent_that_never_ends_is_marked_at_the_end_of_the_turn() -> None:
    """Nothing claims that it works any more."""
    transcript = Transcript()
    for event in (RESEARCHER, after(TESTER, SubagentState.WAITING), tool(RESEARCHER, "1", "look", "in_progress")):
        transcript.apply(event)
    transcript.end()
    assert transcript.pages() == ["-# 🛠 1 tool · 2 subagents · 3 not finished"]
    transcript = Transcript()
    transcript.apply(RESEARCHER)
    transcript.end()
    assert transcript.pages() == ["-# ↳ ■ 🤖 researcher · Find it"]


def test_subagents_fold_with_the_tools_around_them() -> None:
    """One that works keeps its line below; words end the run."""
    done = after(RESEARCHER, SubagentState.COMPLETED)
    events = (own("1"), RESEARCHER, tool(RESEARCHER, "1", "x", "failed"), TESTER, done, Text("And now"))
    assert shown(*events) == ("-# 🛠 2 tools · 1 subagent · 1 failed\n-# ↳ ▸ 🤖 tester · Run the tests\nAnd now")
    assert shown(*events, after(TESTER, SubagentState.FAILED)) == "-# 🛠 2 tools · 2 subagents · 2 failed\nAnd now"
    only = (RESEARCHER, TESTER, done, after(TESTER, SubagentState.COMPLETED), Text("End"))
    assert shown(*only) == "-# 🛠 2 subagents\nEnd"


def test_in_a_long_run_subagents_that_have_ended_are_counted() -> None:
    """With everything that they did."""
    transcript = Transcript()
    for number in range(40):
        one = Subagent(f"{number}", 1, f"s{number}", state=SubagentState.RUNNING)
        transcript.apply(one)
        for each in range(30):
            transcript.apply(tool(one, f"{each}", "x"))
        transcript.apply(after(one, SubagentState.COMPLETED))
    (page,) = transcript.pages()
    assert page.split("\n") == [
        "-# ⋯ 34 earlier", *(f"-# ↳ ✔ 🤖 s{number} · 30 tools" for number in range(34, 40))
    ]  # fmt: skip
    transcript.apply(Text("End"))
    assert transcript.pages() == ["-# 🛠 1200 tools · 40 subagents\nEnd"]
    assert transcript.receipt(1.0).tools == 1200


def test_of_very_many_that_work_only_some_have_a_line() -> None:
    """The others are counted, also below a folded run, and in full."""
    many = [Subagent(f"{number}", 1, f"s{number}", state=SubagentState.RUNNING) for number in range(60)]
    for style, behind in ((Style(), []), (Style(), [Text("Words")]), (Style(tools="full"), [])):
        lines = shown(*many, *behind, style=style).split("\n")
        assert len(lines) == MOST_SUBAGENTS + 1 + len(behind)
        assert lines[MOST_SUBAGENTS] == "-# ↳ 🤖 50 more subagents"
    assert shown(*many[: MOST_SUBAGENTS + 1]).endswith("-# ↳ 🤖 1 more subagent")


def test_any_number_of_subagents_in_a_turn_is_remembered_within_a_bound() -> None:
    """The oldest that has ended is forgotten first; one that works again gets a new line."""
    transcript = Transcript()
    transcript.apply(TESTER)
    for number in range(2 * MOST):
        one = Subagent(f"{number}", 1, f"s{number}", state=SubagentState.RUNNING)
        transcript.apply(one)
        transcript.apply(after(one, SubagentState.COMPLETED))
    assert len(transcript._subagents._lines) == MOST
    assert "▸ 🤖 tester" in transcript.pages()[0]
    transcript.apply(Subagent("0", 1, "s0 again", state=SubagentState.RUNNING))
    assert "▸ 🤖 s0 again" in transcript.pages()[0]
    for number in range(2 * MOST):
        transcript.apply(Subagent(f"r{number}", 1, state=SubagentState.RUNNING))
    assert len(transcript._subagents._lines) == MOST


def test_any_number_of_calls_that_a_subagent_never_ends_is_remembered_within_a_bound() -> None:
    """Those that the reply has forgotten are only counted, and hold nothing that they were called with."""
    transcript = Transcript()
    for number in range(4 * MOST_CALLS):
        transcript.apply(tool(RESEARCHER, f"{number}", "Read", "in_progress", rawInput={"text": "x" * 50}))
    line = transcript._subagents._lines["a"]
    assert len(line.calls) <= 2 * MOST_CALLS + 2 * MOST_LINES
    assert sum(call.weight > 0 for call in line.calls) <= MOST_CALLS
    transcript.end()
    assert f"{4 * MOST_CALLS} tools" in transcript.pages()[0]


def test_one_that_works_again_after_it_was_counted_counts_from_then_on() -> None:
    """Its earlier calls are in the sum once."""
    transcript = Transcript()
    done = after(RESEARCHER, SubagentState.COMPLETED)
    many = [own(f"{number}") for number in range(40)]
    events: list[Event] = [RESEARCHER, tool(RESEARCHER, "1", "x"), done, *many]
    for event in (*events, RESEARCHER, tool(RESEARCHER, "2", "y"), done, Text("End")):
        transcript.apply(event)
    assert transcript.pages() == ["-# 🛠 42 tools · 2 subagents\nEnd"]


def test_a_subagent_that_does_nothing_here_has_no_line() -> None:
    """Such as one that is named again after a restart; a tool call or its state shows that it works."""
    idle = after(RESEARCHER, SubagentState.COMPLETED)
    unknown = after(RESEARCHER, SubagentState.UNKNOWN)
    assert shown(idle, unknown, Text("Words")) == "Words"
    assert shown(unknown, tool(unknown, "1", "look")) == "-# ↳ ▸ 🤖 researcher · Find it · look"


def test_the_agents_words_go_on_around_the_work_of_a_subagent() -> None:
    """Also in the middle of a word, and of bold; only a new line begins a new paragraph."""
    text = shown(
        *(RESEARCHER, Text("I **wa")), tool(RESEARCHER, "1", "look", "in_progress"), RESEARCHER,
        *(Text("it** for it"), tool(RESEARCHER, "1", "look"), MessageBegun(), Text("Next")),
    )  # fmt: skip
    assert text == "-# ↳ ▸ 🤖 researcher · Find it · look\nI **wait** for it\n\nNext"


def test_what_a_subagent_changes_is_in_the_patch_and_the_receipt() -> None:
    """As what the agent changes itself; its line shows no changes."""
    diff = {"type": "diff", "path": "/p/a.py", "oldText": "a\n", "newText": "b\n"}
    image = {"type": "content", "content": {"type": "image", "data": "aGk=", "mimeType": "image/png"}}
    transcript = Transcript()
    transcript.apply(RESEARCHER)
    transcript.apply(tool(RESEARCHER, "1", "Edit", kind="edit", content=[diff, image]))
    transcript.apply(after(RESEARCHER, SubagentState.COMPLETED))
    transcript.apply(tool(RESEARCHER, "1", "Edit again"))
    transcript.end()
    assert [each.name for each in transcript.files()] == ["image.png", "changes.patch"]
    receipt = transcript.receipt(1.0)
    assert (receipt.tools, receipt.files, receipt.added, receipt.removed) == (1, 1, 1, 1)
    assert "-# ↳ ✔ 🤖 researcher · Find it · 1 tool" in transcript.pages()[0]


def test_without_tools_subagents_are_not_shown_either() -> None:
    """Their changes still count."""
    transcript = Transcript(Style(tools="off"))
    assert not transcript.apply(RESEARCHER)
    assert not transcript.apply(tool(RESEARCHER, "1", "look"))
    transcript.apply(Text("Words"))
    assert transcript.pages() == ["Words"]
    assert transcript.receipt(1.0).tools == 1


def test_a_sign_of_life_changes_nothing() -> None:
    """The reply is not looked at for it."""
    transcript = Transcript()
    assert transcript.apply(RESEARCHER)
    assert not transcript.apply(RESEARCHER)
    assert transcript.apply(after(RESEARCHER, SubagentState.COMPLETED))
    assert not transcript.apply(replace(RESEARCHER, title="later", state=SubagentState.COMPLETED))


def test_one_that_works_stands_below_a_question_and_one_that_has_ended_above() -> None:
    """So that nobody must look for it; the question's own tool call is not shown twice."""
    transcript = Transcript()
    for event in (RESEARCHER, after(TESTER, SubagentState.COMPLETED), tool(TESTER, "1", "x")):
        transcript.apply(event)
    transcript.apply(after(TESTER, SubagentState.COMPLETED))
    assert transcript.break_at_question() == 1
    assert transcript.pages() == ["-# ↳ ✔ 🤖 tester · Run the tests · 1 tool", "-# ↳ ▸ 🤖 researcher · Find it"]
    assert transcript.break_at_question() == 1
    transcript.apply(after(RESEARCHER, SubagentState.COMPLETED))
    assert transcript.pages()[1:] == ["-# ↳ ✔ 🤖 researcher · Find it"]


def test_a_question_about_a_subagents_tool_call_shows_what_that_one_does() -> None:
    """The agent's own call with the same id is another one."""
    transcript = Transcript()
    transcript.apply(own("1", "Mine"))
    transcript.apply(tool(RESEARCHER, "1", "rm -rf build", "pending"))
    asked = ToolCallUpdate(tool_call_id="1")
    assert transcript.tool_call(asked, RESEARCHER).title == "rm -rf build"
    assert transcript.tool_call(asked).title == "Mine"
    assert transcript.tool_call(asked, TESTER).title is None
    assert transcript.tool_call(asked, RESEARCHER).tool_call_id == "1"


def test_the_end_of_one_whose_page_is_full_is_shown_on_the_next() -> None:
    """A page that is full never changes again, and does not say that it works."""
    transcript = Transcript()
    transcript.apply(RESEARCHER)
    transcript.apply(Text("word " * 900))
    assert len(transcript.pages()) > 1
    transcript.apply(after(RESEARCHER, SubagentState.COMPLETED))
    assert "· 🤖 researcher" in transcript.pages()[0]
    assert transcript.pages()[-1].endswith("-# ↳ ✔ 🤖 researcher · Find it")


def test_where_the_pages_are_over_a_subagent_takes_one_line_of_the_file() -> None:
    """However long it works."""
    transcript = Transcript(Style(max_pages=1))
    transcript.apply(Text("word " * 900))
    transcript.pages()
    for number in range(100):
        transcript.apply(tool(RESEARCHER, f"{number}", "look"))
        transcript.apply(Text("more. "))
        transcript.pages()
    transcript.end()
    rest = next(each for each in transcript.files() if each.name == "reply.md")
    assert rest.source().decode().count("researcher") <= 1


@pytest.mark.parametrize(
    "hostile",
    [
        "\u202egnp.exe",
        "a\nb\n# H",
        "**bold** @everyone <@1> `code`",
        "https://a.example",
        "x" * 200,
        "",
        " \n",
        "-# ",
    ],
    ids=ascii,
)
def test_no_name_or_task_changes_how_the_line_reads(hostile: str) -> None:
    """One short line, without markup, mentions, links and characters that reorder text."""
    one = Subagent("a", 9, hostile, hostile, SubagentState.RUNNING)
    text = shown(one, tool(one, "1", hostile or "t", "in_progress"))
    assert text.startswith("-# ↳↳↳ ▸ 🤖 ")
    assert "\n" not in text
    assert len(text) < 500
    assert "\u202e" not in text
    assert not re.search(r"(?<!\\)[*`<]|(?<!\\):\/\/", text.removeprefix("-# "))
