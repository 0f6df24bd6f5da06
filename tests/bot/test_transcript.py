"""What a reply shows: the agent's events as pages, in whatever pieces they come."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp import Text, Thought
from acp.schema import ToolCallUpdate, parse_update
from bot.markdown import take_page
from bot.transcript import Transcript
from tests.bot.pages import HARD_TEXTS, assert_postable, texts


def shown(*events: Any) -> list[str]:
    """The pages of these events."""
    transcript = Transcript()
    for event in events:
        transcript.apply(event)
    return transcript.pages()


def whole(text: str) -> list[str]:
    """The pages of a text that is there all at once."""
    pages: list[str] = []
    fence = None
    while text.strip():
        page = take_page(text, fence)
        pages += [page.content] if page.content.strip() else []
        text, fence = text[page.length :], page.fence
    return pages


def code_units(text: str) -> str:
    """The same text as an agent that thinks in UTF-16 has it: two halves for a character outside the basic plane."""
    data = text.encode("utf-16-le")
    return "".join(chr(data[at] + (data[at + 1] << 8)) for at in range(0, len(data), 2))


def chunked(text: str, size: int) -> list[str]:
    """A text in pieces of that many characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def update(told: str, **fields: Any) -> Any:
    """An update as ACP writes it."""
    return parse_update({"sessionUpdate": told, **fields})


def tool(call_id: str, told: str = "tool_call_update", **fields: Any) -> Any:
    """A tool call's announcement or, by default, its update."""
    return update(told, toolCallId=call_id, **fields)


def plan(*steps: tuple[str, str]) -> Any:
    """A plan of steps and their states."""
    return update("plan", entries=[{"content": content, "status": status} for content, status in steps])


# ---- text


@given(text=texts, cuts=st.lists(st.integers(0, 5_000), max_size=12), looked=st.sets(st.integers(0, 12)))
def test_the_pages_depend_on_the_text_and_not_on_its_chunks(text: str, cuts: list[int], looked: set[int]) -> None:
    """Cut anywhere, between the halves of a character too, and rendered at any moments on the way (invariant 5)."""
    units = code_units(text)
    places = [0, *sorted(min(cut, len(units)) for cut in cuts), len(units)]
    transcript = Transcript()
    frozen: list[str] = []
    for number, (start, end) in enumerate(pairwise(places)):
        transcript.apply(Text(units[start:end]))
        if number in looked:
            pages = list(transcript.pages())
            assert_postable(pages)
            assert pages[: len(frozen)] == frozen
            frozen = pages[:-1]
    assert transcript.pages()[: len(frozen)] == frozen
    assert transcript.pages() == whole(text)


@pytest.mark.parametrize("size", [3, 1_999, 100_000])
@pytest.mark.parametrize("name", HARD_TEXTS)
def test_hard_texts_are_shown_whole(name: str, size: int) -> None:
    """The same pages, posted at any time on the way, whatever the chunks (P17)."""
    text = HARD_TEXTS[name]
    transcript = Transcript()
    for number, chunk in enumerate(chunked(code_units(text), size)):
        transcript.apply(Text(chunk))
        if number % 97 == 0:
            assert_postable(transcript.pages())
    assert_postable(transcript.pages())
    assert transcript.pages() == whole(text)


@given(st.lists(st.sampled_from(["word ", "\n", "\n\n", "漢字", "x" * 700, "😀", "  "]), max_size=120))
def test_all_of_a_text_is_shown_once_and_in_order(pieces: list[str]) -> None:
    """But for white space where pages meet and at the end (invariant 5)."""
    text = "".join(pieces)
    rest = text
    for page in shown(*map(Text, pieces)):
        assert rest.lstrip().startswith(page.strip())
        rest = rest.lstrip().removeprefix(page.strip())
    assert rest.strip() == ""


def test_a_half_character_without_its_other_half_is_replaced() -> None:
    """Discord takes no lone surrogate; the text around it stays."""
    assert shown(Text("a\ud83d"), Text("b\ude00c")) == ["a\ufffdb\ufffdc"]
    assert shown(Text("\ud83d"), Text("\ude00")) == ["😀"]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t"])
def test_white_space_alone_is_no_answer(text: str) -> None:
    """Discord refuses an empty message, and a reply of nothing must be known as one."""
    transcript = Transcript()
    assert not transcript.apply(Text(text))
    assert not transcript.has_text
    assert transcript.pages() == []
    assert transcript.apply(Text("word"))
    assert transcript.has_text
    assert transcript.pages() == [f"{text}word"]


def test_what_is_for_nobodys_eyes_shows_nothing() -> None:
    """Thoughts, usage, modes, unknown kinds, and an empty plan."""
    transcript = Transcript()
    for event in (
        Thought("hm"),
        update("usage_update", used=1, size=2),
        update("current_mode_update", currentModeId="ask"),
        update("user_message_chunk", content={"type": "text", "text": "mine"}),
        update("invented_later"),
    ):
        assert not transcript.apply(event)
    transcript.apply(plan())
    assert not transcript.has_text
    assert transcript.pages() == []


def test_other_content_is_named_and_not_silently_dropped() -> None:
    """A link with its name and place; anything else by its kind (P69)."""
    link = {"type": "resource_link", "name": "a_b", "uri": "file:///x"}
    image = {"type": "image", "data": "", "mimeType": "image/png"}
    (page,) = shown(Text("see"), *(update("agent_message_chunk", content=each) for each in (link, image)))
    assert page == "see\n📎 a\\_b: file\\:///x\n-# 📎 (the agent sent image content, which is not shown)"


# ---- tool calls


def test_a_tool_call_is_one_line_however_often_it_is_told() -> None:
    """Announced, announced again, updated: the id decides, and what an update leaves out stays."""
    events = [
        Text("before"),
        tool("1", "tool_call", title="Read *a*", status="pending", kind="read"),
        tool("1", "tool_call", title="Read b", status="pending"),
        tool("1", status="in_progress"),
        Text("after"),
        tool("1", status="completed"),
    ]
    assert shown(*events[:2]) == ["before\n-# ▸ Read \\*a\\*"]
    assert shown(*events) == ["before\n-# ✔ Read b\nafter"]


def test_a_tool_call_that_was_never_announced_is_shown() -> None:
    """Some agents send only updates; without a title its kind serves, without a kind a word."""
    assert shown(tool("1", status="failed"), tool("2", kind="edit"), tool("3", title="x")) == [
        "-# ✘ tool\n-# ▸ edit\n-# ▸ x"
    ]


def test_all_that_is_known_of_a_tool_call_can_be_asked() -> None:
    """A question may repeat no more than the id."""
    transcript = Transcript()
    transcript.apply(tool("1", "tool_call", title="Run", rawInput={"command": "ls"}))
    asked = transcript.tool_call(ToolCallUpdate(tool_call_id="1", kind="execute"))
    assert (asked.title, asked.kind, asked.raw_input) == ("Run", "execute", {"command": "ls"})
    assert transcript.tool_call(ToolCallUpdate(tool_call_id="2")) == ToolCallUpdate(tool_call_id="2")


def test_a_long_title_takes_one_line_of_bounded_length() -> None:
    """Line feeds and all."""
    (page,) = shown(tool("1", title="rm -rf /\n" * 500))
    assert "\n" not in page
    assert len(page) < 400


def test_a_tool_call_on_a_frozen_page_stays_as_it_was() -> None:
    """What is frozen never changes, and the late update shows nowhere else."""
    transcript = Transcript()
    transcript.apply(tool("1", "tool_call", title="Read"))
    transcript.apply(Text("x" * 3_000))
    before = list(transcript.pages())
    assert before[0].startswith("-# ▸ Read\n")
    transcript.apply(tool("1", status="completed"))
    assert transcript.pages() == before


# ---- the plan


def test_a_plan_is_replaced_in_place() -> None:
    """One list, where the first one stood."""
    first = plan(("look", "in_progress"), ("act", "pending"))
    second = plan(("look", "completed"), ("act", "in_progress"), ("rest", "pending"))
    assert shown(Text("a"), first, Text("b")) == ["a\n▸ look\n☐ act\nb"]
    assert shown(Text("a"), first, Text("b"), second) == ["a\n☑ look\n▸ act\n☐ rest\nb"]


def test_a_plan_whose_page_is_frozen_begins_anew() -> None:
    """The old list stays as it was."""
    transcript = Transcript()
    transcript.apply(plan(("look", "in_progress")))
    transcript.apply(Text("x" * 2_500))
    frozen = transcript.pages()[0]
    transcript.apply(plan(("look", "completed")))
    assert transcript.pages()[0] == frozen
    assert transcript.pages()[-1].endswith("\n☑ look")
    transcript.apply(plan(("look", "completed"), ("act", "pending")))
    assert transcript.pages()[-1].endswith("\n☑ look\n☐ act")


# ---- all together

events = st.lists(
    texts.map(Text)
    | st.builds(lambda number, status: tool(str(number), title="t" * 200, status=status),
                st.integers(0, 3), st.sampled_from(["pending", "completed"]))
    | st.lists(st.tuples(st.text(max_size=300), st.sampled_from(["pending", "completed"])), max_size=30)
    .map(lambda steps: plan(*steps)),
    max_size=12,
)  # fmt: skip


@given(events, st.sets(st.integers(0, 12)))
def test_pages_are_postable_and_frozen_ones_stay_whatever_the_agent_does(events: list[Any], looked: set[int]) -> None:
    """Text, tools and plans in any order, rendered at any moments (P17)."""
    transcript = Transcript()
    frozen: list[str] = []
    for number, event in enumerate(events):
        transcript.apply(event)
        if number in looked:
            pages = list(transcript.pages())
            assert_postable(pages)
            assert pages[: len(frozen)] == frozen
            frozen = pages[:-1]
    assert_postable(transcript.pages())


def test_lines_of_the_bots_own_stand_by_themselves() -> None:
    """Above, between and below the agent's words."""
    transcript = Transcript()
    transcript.line("-# above")
    transcript.apply(Text("words"))
    transcript.line("-# below")
    transcript.line("-# last")
    assert transcript.pages() == ["-# above\nwords\n-# below\n-# last"]


def test_a_line_behind_an_open_fence_stands_outside_it() -> None:
    """A turn that ends in the middle of a code block: what the bot says about it must not be read as code."""
    transcript = Transcript()
    transcript.apply(Text("```py\nx = 1"))
    transcript.line("-# ⏹ cancelled")
    assert transcript.pages() == ["```py\nx = 1\n```\n-# ⏹ cancelled"]
    transcript.apply(Text("\ny = 2\n```\nbehind"))
    assert transcript.pages() == ["```py\nx = 1\n```\n-# ⏹ cancelled\n```py\ny = 2\n```\nbehind"]
