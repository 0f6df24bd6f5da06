"""What a reply shows: the agent's events as pages, in whatever pieces they come, and the files."""

import base64
import re
import tempfile
from collections.abc import Callable
from itertools import chain, pairwise, repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from acp import MessageBegun, Text, Thought
from acp.schema import AgentMessageChunk, AgentThoughtChunk, TextBlock, ToolCallUpdate, parse_update
from bot.config.appearance import Style
from bot.render import pager as pager_module
from bot.render import transcript as transcript_module
from bot.render.blocks import ToolRun
from bot.render.code_blocks import Fence
from bot.render.converter import MarkdownConverter
from bot.render.page_breaks import take_page
from bot.render.pager import Pager
from bot.render.tables import Table
from bot.render.transcript import Transcript
from bot.text.markdown import LIMIT
from bot.user_messages.reply_lines import REST_ATTACHED, REST_TOO_LATE
from tests.acp.recorded import TRANSCRIPTS, needs_recordings, read_transcript
from tests.bot.page_checks import HARD_TEXTS, HOSTILE, TALK, assert_postable, joined, open_fence, texts, words_of
from tests.support.call_count import calls

UNBOUND = Style(max_pages=0, long_code_lines=0)
"""Everything on pages."""

STYLES = st.sampled_from(
    [
        Style(),
        UNBOUND,
        Style(max_pages=2, long_code_lines=5, tables="bullets"),
        Style(max_pages=1, tables="off", thoughts="spoiler", tools="full"),
        Style(long_code_lines=20, thoughts="subtext", tools="off"),
    ]
)


def shown(*events: Any, style: Style = Style()) -> list[str]:  # noqa: B008 - frozen
    """The pages of these events, in the end."""
    return ended(*events, style=style).pages()


def ended(*events: Any, style: Style = Style()) -> Transcript:  # noqa: B008 - frozen
    """A transcript of these events, at the turn's end."""
    transcript = Transcript(style)
    for event in events:
        transcript.apply(event)
    transcript.end()
    return transcript


def code_units(text: str) -> str:
    """The text in UTF-16 code units, as some agents have it: two for a character outside the basic plane."""
    data = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(data[at] + (data[at + 1] << 8)) for at in range(0, len(data), 2))


def chunked(text: str, size: int) -> list[str]:
    """A text in pieces of `size` characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def update(told: str, **fields: Any) -> Any:
    """An update as ACP writes it."""
    return parse_update({"sessionUpdate": told, **fields})


def image(data: bytes) -> Any:
    """An image with these bytes."""
    return content(type="image", data=base64.b64encode(data).decode(), mimeType="image/png")


def tool(call_id: str, told: str = "tool_call_update", **fields: Any) -> Any:
    """A tool call's announcement or, by default, its update."""
    return update(told, toolCallId=call_id, **fields)


def plan(*steps: tuple[str, str]) -> Any:
    """A plan of steps and their states."""
    return update("plan", entries=[{"content": content, "status": status} for content, status in steps])


def written(number: int) -> dict[str, Any]:
    """A file that a tool has made."""
    return {"type": "diff", "path": "/p/a.py", "oldText": None, "newText": f"{number}\n" * 20}


def content(**block: Any) -> Any:
    """A piece of the agent's answer that is not text."""
    return update("agent_message_chunk", content=block)


def everything(transcript: Transcript) -> str:
    """All of the agent's words, on pages and in the attached rest."""
    rest = [file.source().decode() for file in transcript.files() if file.name.startswith("reply")]
    return joined([page.replace(REST_ATTACHED, "") for page in transcript.pages()]) + "".join(rest)


def looked_at(transcript: Transcript, frozen: list[str], coming: int = 0) -> list[str]:
    """Check that all pages can be posted and the `frozen` ones are the same; return those that are frozen now."""
    pages = list(transcript.pages(coming))
    assert_postable(pages)
    assert pages[: len(frozen)] == frozen
    return pages[: len(transcript._pager._frozen)]


# ---- text


@settings(max_examples=40)
@given(text=texts, cuts=st.lists(st.integers(0, 5_000), max_size=12), looked=st.sets(st.integers(0, 12)), style=STYLES)
def test_the_pages_depend_on_the_text_and_not_on_its_chunks(
    text: str, cuts: list[int], looked: set[int], style: Style
) -> None:
    """Cut anywhere, also between the halves of a character, and rendered at any moments (invariant 5)."""
    units = code_units(text)
    places = [0, *sorted(min(cut, len(units)) for cut in cuts), len(units)]
    transcript = Transcript(style)
    frozen: list[str] = []
    for number, (start, end) in enumerate(pairwise(places)):
        transcript.apply(Text(units[start:end]))
        if number in looked:
            frozen = looked_at(transcript, frozen)
    transcript.end()
    pages = transcript.pages()
    assert_postable(pages)
    assert pages[: len(frozen)] == frozen
    whole = ended(Text(text), style=style)
    assert pages == whole.pages()
    assert [(each.name, each.source()) for each in transcript.files()] == [
        (each.name, each.source()) for each in whole.files()
    ]


@settings(max_examples=40)
@given(
    text=texts, cuts=st.lists(st.integers(0, 5_000), max_size=30), coming=st.lists(st.integers(0, 1_500)), style=STYLES
)
def test_pages_that_are_ended_early_are_postable_stay_and_hold_all_words(
    text: str, cuts: list[int], coming: list[int], style: Style
) -> None:
    """Whatever is expected, at whatever moments (invariant 5)."""
    text = "\n".join(line for line in text.split("\n") if "|" not in line and "#" not in line)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    transcript = Transcript(style)
    frozen: list[str] = []
    for (start, end), more in zip(pairwise(places), chain(coming, repeat(300)), strict=False):
        transcript.apply(Text(text[start:end]))
        frozen = looked_at(transcript, frozen, more)
    transcript.end()
    pages = transcript.pages()
    assert_postable(pages)
    assert pages[: len(frozen)] == frozen
    assert words_of(everything(transcript)) == words_of(everything(ended(Text(text), style=style)))


@pytest.mark.parametrize("room", range(0, 60, 3))
def test_a_page_with_little_room_for_code_that_is_being_written_can_be_posted(room: int) -> None:
    """Discord would refuse a longer one, and the reply would stand still until its end."""
    for code in ("```py\n" * 13, "```py\n" + "x = 1\n" * 40):
        transcript = Transcript()
        transcript.apply(Text("x" * (LIMIT - room - 1) + "\n" + code))
        assert_postable(transcript.pages(300))


def test_a_page_without_room_for_what_is_expected_ends_before_its_last_word() -> None:
    """The next write is then one new message, and not the rest of one page and the beginning of another."""
    transcript = Transcript()
    transcript.apply(Text("word " * 350 + "last "))
    assert transcript.pages(200) == [("word " * 350 + "last").strip()]
    assert transcript.pages(300) == [("word " * 350).strip(), "last"]
    transcript.apply(Text("and `some code` more"))
    assert transcript.pages(300) == [("word " * 350).strip(), "last and `some code` more"]


@pytest.mark.parametrize(
    "text",
    [
        "short, though much is coming",
        "word " * 300 + "```py\ncode",
        "word " * 200 + "\n| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 50,
        "word " * 300 + "[" + "label " * 40,
        "x" * 1_500,
        "word " * 300 + "\n",
    ],
)
def test_a_page_is_not_ended_early_where_that_would_cut_or_move_too_much(text: str) -> None:
    """It ends where it is full."""
    transcript = Transcript()
    transcript.apply(Text(text))
    assert len(transcript.pages(1_000)) == 1
    assert len(transcript._pager._frozen) == 0


def test_a_tool_call_that_runs_keeps_its_page_open() -> None:
    """Its line may still change."""
    transcript = Transcript(Style(thoughts="subtext"))
    transcript.apply(Text("word " * 350))
    transcript.apply(tool("1", "tool_call", title="build", status="in_progress"))
    transcript.apply(Text("behind"))
    assert len(transcript.pages(1_000)) == 1
    transcript.apply(tool("1", status="completed"))
    assert transcript.pages(1_000)[0].endswith("✔ build\nbehind")


def test_only_the_first_half_of_the_pages_is_ended_early() -> None:
    """Text that has room on `max_pages` must not go into a file because of that."""
    transcript = Transcript(Style(max_pages=4))
    for number in range(4_000):
        transcript.apply(Text(f"{number} "))
        transcript.pages(700)
    early, also, full, _ = transcript.pages()
    assert max(len(early), len(also)) < 1_400
    assert len(full) > 1_900


@pytest.mark.parametrize(
    "line", ["```py with a title that goes on", "#### a heading of many words", "| a cell | of a row"]
)
def test_a_line_whose_kind_is_known_only_at_its_end_is_not_cut(line: str) -> None:
    """It moves to the next page as a whole, or stays."""
    transcript = Transcript()
    transcript.apply(Text("word " * 350 + "\n" + line))
    transcript.pages(300)
    transcript.apply(Text("\nbehind"))
    transcript.end()
    whole = shown(Text("word " * 350 + "\n" + line + "\nbehind"))
    assert "\n".join(transcript.pages()).split() == "\n".join(whole).split()


@settings(max_examples=40)
@given(HOSTILE, STYLES, st.integers(1, 400))
@example(">" * 2_300, UNBOUND, 50)
def test_a_text_of_any_kind_comes_to_its_end(text: str, style: Style, size: int) -> None:
    """While it is written, and at its end: each page fits, and frozen pages never change."""
    transcript, before = Transcript(style), list[str]()
    for piece in chunked(text, len(text) // size + 1):
        transcript.apply(Text(piece))
        pages = transcript.pages(coming=300)
        assert pages[: len(before)] == before
        before = pages[: len(transcript._pager._frozen)]
    transcript.end()
    assert all(0 < len(page) <= 2000 for page in transcript.pages())


@pytest.mark.parametrize("size", [3, 1_999, 200_000])
@pytest.mark.parametrize("name", HARD_TEXTS)
def test_hard_texts_are_shown_whole(name: str, size: int) -> None:
    """The same pages in any chunks, which can be posted at any time; all words are there, in order (P17)."""
    text = HARD_TEXTS[name]
    transcript = Transcript(UNBOUND)
    frozen: list[str] = []
    for number, chunk in enumerate(chunked(code_units(text), size)):
        transcript.apply(Text(chunk))
        if number % 97 == 0:
            frozen = looked_at(transcript, frozen)
    transcript.end()
    assert_postable(transcript.pages())
    assert transcript.pages()[: len(frozen)] == frozen
    assert transcript.pages() == shown(Text(text), style=UNBOUND)
    if "table" not in name and "info" not in name:
        assert "".join(words_of(everything(transcript))).replace("py", "") == "".join(words_of(text)).replace("py", "")


@given(TALK, st.sampled_from([Style(), UNBOUND, Style(max_pages=1)]))
def test_all_of_a_text_is_shown_once_and_in_order(pieces: list[str], style: Style) -> None:
    """Joined, the pages are the text, except for white space between them (invariant 5)."""
    text = "".join(pieces)
    transcript = ended(*map(Text, pieces), style=style)
    assert "".join(everything(transcript).split()) == "".join(text.split())


@settings(max_examples=50)
@given(texts)
def test_all_words_are_shown_once_and_in_order(text: str) -> None:
    """Whatever becomes of fences, headings, rules and images, letters and digits stay."""
    plain = text.replace("|", "")
    for marker in ("```", "~~~"):
        plain = plain.replace(marker, f"\n{marker}\n")
    transcript = ended(Text(plain), style=UNBOUND)
    assert "".join(words_of(joined(transcript.pages()))) == "".join(words_of(plain))


@pytest.mark.parametrize("name", HARD_TEXTS)
def test_looking_costs_what_is_new_and_not_what_lies_before(name: str) -> None:
    """However long the text is, one more word renders no frozen page again: each is the same object."""
    transcript = Transcript(UNBOUND)
    transcript.apply(Text(HARD_TEXTS[name]))
    before = transcript.pages()[: len(transcript._pager._frozen)]
    transcript.apply(Text("one more word"))
    after = transcript.pages()
    assert all(early is late for early, late in zip(before, after, strict=False))


FLOODS = {
    "words": "some words of an answer\n",
    "line feeds": "\n",
    "blank lines": " \r\n",
    "one long line": "x",
    "spaces": " ",
    "backticks": "` ",
    "code": "```\nx\n```\n",
    "a table": "| a | b |\n",
    "marks": "\u0301",
    "code blocks without code": "> ```\n\n\n",
}


@pytest.mark.parametrize("style", [Style(), Style(max_pages=1, tables="bullets"), Style(long_code_lines=0)])
@pytest.mark.parametrize("unit", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("lead", ["", "```\n"], ids=["words", "code"])
def test_a_flood_of_text_costs_no_more_to_translate_and_to_page_than_the_pages_hold(
    lead: str, unit: str, style: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in characters of lines and cuts: what has no page, or shows nothing, is not converted."""
    work = 0

    def counting(module: Any, name: str, measure: Callable[..., int]) -> None:
        real = getattr(module, name)

        def counted(*told: Any, **more: Any) -> Any:
            nonlocal work
            work += measure(*told)
            return real(*told, **more)

        monkeypatch.setattr(module, name, counted)

    monkeypatch.setattr(transcript_module, "MOST_CONVERTED", most := 50_000)
    counting(MarkdownConverter, "_take", lambda _, line: len(line) + 1)
    counting(MarkdownConverter, "_settle_piece", lambda *told: told[-1])
    counting(Table, "render", lambda table, *_: sum(map(len, chain(*table.rows))))
    counting(pager_module, "take_page", lambda *_: LIMIT)
    costs = []
    for size in (150_000, 300_000):
        work = 0
        transcript = Transcript(style)
        transcript.apply(Text(lead + unit * (size // len(unit))))
        transcript.pages(300)
        transcript.end()
        costs.append(work)
        transcript.close()
    # Text that shows nothing costs more: each page of it is cut twice to see that it is empty.
    assert max(costs) < (3.1 * most if unit.startswith("> ") else 100_000)
    assert costs[1] <= costs[0] + LIMIT


def test_to_look_at_a_table_or_code_that_is_being_written_costs_a_few_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long its rows are, and however many lines it has: each look lays out the open block again."""
    looked = 0
    render, show = Table.render, Fence.shown

    def rendered(table: Table, *more: Any) -> str:
        nonlocal looked
        looked += sum(map(len, chain(table.head, *table.rows)))
        return render(table, *more)

    def taken(text: str, *more: Any) -> Any:
        nonlocal looked
        looked += min(len(text), 2 * LIMIT)
        return take_page(text, *more)

    def shown_code(fence: Fence, code: str) -> str:
        nonlocal looked
        looked += len(code)
        return show(fence, code)

    monkeypatch.setattr(Fence, "shown", shown_code)
    monkeypatch.setattr(Table, "render", rendered)
    monkeypatch.setattr(pager_module, "take_page", taken)
    table = "|a|b|\n|-|-|\n" + ("|" + "x" * 3_000 + "|y|\n") * 40
    for begun, style in ((table, UNBOUND), ("```\n" + f"{'x' * 99}\n" * 190, Style())):
        transcript = Transcript(style)
        transcript.apply(Text(begun))
        transcript.pages()
        looked = 0
        transcript.pages()
        assert 0 < looked < 15_000


def test_the_rest_of_a_text_is_attached_as_it_was_written() -> None:
    """A Markdown file shows tables, headings and links best as they are; a code block continues as one."""
    lines = "".join(f"{number} ## ![a](http://b)\n#### deep\n| a | b |\n" for number in range(2_000))
    transcript = ended(Text(lines), style=Style(max_pages=1))
    (rest,) = transcript.files()
    assert lines.endswith(rest.source().decode()[-60_000:])
    code = ended(Text("~~~py\n" + "x = 1\n" * 5_000 + "~~~\nbehind"), style=Style(max_pages=1, long_code_lines=0))
    (rest,) = code.files()
    text = rest.source().decode()
    assert text.count("x = 1\n") + "".join(code.pages()).count("x = 1") == 5_000
    assert text.endswith("x = 1\n~~~\nbehind")
    assert text.count("~~~py\n") == 1


def test_the_rest_of_a_text_that_shows_almost_nothing_is_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that an agent could write for ever, and never fill a page."""
    monkeypatch.setattr(transcript_module, "MOST_CONVERTED", 50_000)
    transcript = ended(Text("seen\n" + "> ```\n\n\n" * 10_000 + "the end"))
    assert transcript.pages() == ["seen", REST_ATTACHED.strip()]
    (rest,) = transcript.files()
    assert rest.source().endswith(b"> ```\n\n\nthe end")


@pytest.mark.parametrize("kind", [Text, Thought])
def test_a_chunk_costs_an_append(kind: type[Text | Thought], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are cut when somebody looks, or much text waits; not for each of very many small chunks."""
    cuts = 0
    freeze = Pager.freeze

    def counted(*told: Any, **more: Any) -> int:
        nonlocal cuts
        cuts += 1
        return freeze(*told, **more)

    monkeypatch.setattr(Pager, "freeze", counted)
    transcript = Transcript(Style(max_pages=0, thoughts="subtext"))
    transcript.apply(kind("begun\n"))
    before = cuts
    for _ in range(5_000):
        transcript.apply(kind("word\n"))
    assert cuts - before <= 10


def test_thoughts_beyond_the_pages_are_quoted_in_the_file() -> None:
    """Each of their lines is, and the answer behind them is not."""
    transcript = Transcript(Style(max_pages=1, thoughts="subtext"))
    for _ in range(40):
        transcript.apply(Thought("a line of thought\n" * 30))
    transcript.apply(Text("the answer"))
    transcript.end()
    (rest,) = transcript.files()
    *_, last, empty, answer = rest.source().decode().split("\n")
    assert (last, empty, answer) == ("> a line of thought", "> ", "the answer")


def test_any_number_of_blank_lines_is_shown_as_two() -> None:
    """Outside of code, and in whatever pieces they come."""
    text = "a" + "\n" * 400 + "b" + " \n" * 400 + "c\n```\nd" + "\n" * 9 + "e\n```"
    assert shown(Text(text)) == ["a\n\n\nb \n\n\nc\n```\nd" + "\n" * 9 + "e\n```"]
    assert shown(*map(Text, chunked(text, 3))) == shown(Text(text))


def test_a_half_character_without_its_other_half_is_replaced() -> None:
    """Discord refuses lone surrogates; the text around one stays."""
    assert shown(Text("a\ud83d"), Text("b\ude00c")) == ["a\ufffdb\ufffdc"]
    assert shown(Text("\ud83d"), Text("\ude00")) == ["😀"]
    assert shown(Text("end \ud83d")) == ["end \ufffd"]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t"])
def test_white_space_alone_is_no_answer(text: str) -> None:
    """Discord refuses an empty message, and a reply without text must be known as one."""
    transcript = Transcript()
    assert not transcript.apply(Text(text))
    assert not transcript.has_text
    assert transcript.pages() == []
    assert transcript.apply(Text("word"))
    assert transcript.has_text
    assert transcript.pages() == ["word"]


def test_a_text_shows_while_it_is_written() -> None:
    """An unfinished line, an unfinished table, an open code block."""
    transcript = Transcript()
    seen = []
    for chunk in ("# He", "ad\nwor", "ds\n| a | b |\n", "|--|", "--|\n| 1 | 2 |\n", "\n```py\nx = ", "1\n``", "`\nend"):
        transcript.apply(Text(chunk))
        (page,) = transcript.pages()
        assert_postable([page])
        seen.append(page.removeprefix("# Head\nwords\n"))
    table = "```\na  b\n─  ─\n1  2\n```"
    assert seen == [
        "# He",
        "# Head\nwor",
        "| a | b |",
        "| a | b |",
        table,
        f"{table}\n\n```py\nx = \n```",
        f"{table}\n\n```py\nx = 1\n```",
        f"{table}\n\n```py\nx = 1\n```\nend",
    ]


def test_a_code_block_that_is_longer_than_a_page_shows_its_latest_lines_while_it_is_written() -> None:
    """A block that may become a file is not frozen, and the reader sees what is being written."""
    transcript = Transcript()
    transcript.apply(Text("words\n```py\n" + "".join(f"the_line_{number}\n" for number in range(190)) + "the_line_1"))
    (page,) = transcript.pages()
    assert_postable([page])
    assert page.startswith("words\n```py\nthe_line_")
    assert page.endswith("the_line_189\nthe_line_1\n```\n-# ⋯ 190 lines so far")
    transcript.apply(Text("90\n```\n"))
    pages = transcript.pages()
    assert len(pages) == 2
    assert joined(pages).count("line_") == 191


# ---- too much for pages


def test_a_long_code_block_becomes_a_file_that_is_announced_in_its_place() -> None:
    """It is named by its language, or by the agent; each name occurs once (P18)."""
    code = "".join(f"x{number} = {number}\n" for number in range(300))
    blocks = (f"```python\n{code}```\n", f"```js\n// src/app.mjs\n{code}```\n", f"```python\n{code}```\n")
    transcript = ended(Text("before\n" + "between\n".join(blocks) + "behind"))
    assert transcript.pages() == [
        (
            "before\n📎 `code.py` · 300 lines\nbetween\n📎 `app.mjs` · 301 lines\nbetween\n"
            "📎 `code-2.py` · 300 lines\nbehind"
        )
    ]
    assert [(file.name, file.page) for file in transcript.files()] == [("code.py", 0), ("app.mjs", 0), ("code-2.py", 0)]
    assert [file.source().decode() for file in transcript.files()] == [code, f"// src/app.mjs\n{code}", code]


def test_a_long_code_block_is_announced_while_it_is_written() -> None:
    """With the number of lines so far; a turn that ends in the middle of it attaches them."""
    transcript = Transcript(Style(long_code_lines=3))
    transcript.apply(Text("```py\n1\n2\n3\n4\n5"))
    assert transcript.pages() == ["📎 `code.py` · 4 lines so far"]
    assert transcript.files() == []
    transcript.end()
    assert transcript.pages() == ["📎 `code.py` · 5 lines"]
    assert [file.source() for file in transcript.files()] == [b"1\n2\n3\n4\n5\n"]


def test_few_very_long_lines_of_code_are_long_code_too() -> None:
    """A chat is no place for a line of 100,000 characters."""
    transcript = ended(Text("```json\n" + "1," * 50_000 + "\n```"))
    assert transcript.pages() == ["📎 `code.json` · 1 lines"]


def test_a_file_knows_the_page_that_announces_it() -> None:
    """Also where the announcement has moved to the next page."""
    code = "```py\n" + "x\n" * 300 + "```\n"
    transcript = ended(Text("word " * 390 + "\n" + code + "word " * 600 + "\n" + code))
    for file in transcript.files():
        assert f"`{file.name}`" in transcript.pages()[file.page]


def test_text_beyond_the_pages_goes_into_one_file_that_the_last_page_names() -> None:
    """The pages and the file together are the text."""
    text = "".join(f"line {number} of it\n" for number in range(2_000))
    transcript = ended(*map(Text, chunked(text, 777)), style=Style(max_pages=3))
    pages = transcript.pages()
    assert len(pages) == 3
    assert_postable(pages)
    assert [page.endswith(REST_ATTACHED) for page in pages] == [False, False, True]
    (rest,) = transcript.files()
    assert (rest.name, rest.page) == ("reply.md", 2)
    assert everything(transcript).split() == text.split()


def test_a_code_block_continues_as_one_in_the_file() -> None:
    """The file is complete Markdown."""
    transcript = ended(Text("```py\n" + "code()\n" * 900 + "```\nbehind"), style=Style(max_pages=1, long_code_lines=0))
    (rest,) = transcript.files()
    text = rest.source().decode()
    assert text.startswith("```py\ncode()\n")
    assert text.endswith("```\nbehind")
    assert not open_fence(text)


def test_a_text_that_just_fits_needs_no_file() -> None:
    """Two full pages are two pages."""
    transcript = ended(Text("x" * 4_000), style=Style(max_pages=2))
    assert transcript.pages() == ["x" * 2_000] * 2
    assert transcript.files() == []


@pytest.mark.parametrize("looked", [False, True])
def test_the_bots_own_lines_are_shown_even_where_the_pages_are_full(looked: bool) -> None:  # noqa: FBT001 - a parameter
    """How a turn ended must not be hidden in a file."""
    transcript = Transcript(Style(max_pages=2))
    transcript.apply(Text("word " * 2_000))
    if looked:
        transcript.pages()
    transcript.line("-# ⏹ cancelled")
    transcript.end()
    assert transcript.pages()[1].endswith(REST_ATTACHED)
    assert transcript.pages()[2:] == ["-# ⏹ cancelled"]
    (rest,) = transcript.files()
    assert b"cancelled" not in rest.source()


def test_the_bots_own_lines_alone_make_no_file() -> None:
    """One more page is better than an empty file."""
    transcript = Transcript(Style(max_pages=1))
    transcript.apply(Text("x" * 1_995))
    transcript.line("-# ⏹ cancelled")
    transcript.end()
    assert transcript.pages() == ["x" * 1_995, "-# ⏹ cancelled"]
    assert transcript.files() == []


def test_a_very_long_text_is_spooled_and_attached() -> None:
    """Beyond 200,000 characters, whatever `max_pages` says (invariant 12)."""
    transcript = ended(*(Text("some words " * 100 + "\n") for _ in range(300)), style=UNBOUND)
    pages = transcript.pages()
    assert 190_000 < sum(map(len, pages)) <= 200_000
    (rest,) = transcript.files()
    assert rest.name == "reply.md"
    assert len(words_of(everything(transcript))) == 300 * 200


def test_a_text_without_end_is_to_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller sees it; what is shown stays (invariant 12)."""
    monkeypatch.setattr(transcript_module, "LONGEST", 10_000)
    transcript = Transcript()
    transcript.apply(Text("x" * 9_999))
    assert not transcript.too_long
    transcript.apply(Text("yy"))
    assert transcript.too_long
    transcript.end()
    assert transcript.pages() == ["x" * 2_000] * 4 + ["x" * 1_999]


@pytest.mark.parametrize(
    "event",
    [
        lambda number: content(type="resource_link", name="x.txt", uri=f"file:///p/{number}"),
        lambda number: content(type="resource_link", name="x.txt", uri=f"https://example.org/{number}"),
        lambda _: content(type="hologram"),
        lambda number: tool(f"t{number}", title="Work on it for a while"),
        lambda number: tool(f"t{number}", status="completed", content=[written(number)]),
    ],
    ids=["files", "addresses", "unknown", "tools", "patches"],
)
@pytest.mark.parametrize("style", [Style(tools="full", max_pages=1), Style(tools="compact", max_pages=0)], ids=repr)
def test_a_flood_of_anything_is_to_be_cancelled_and_grows_no_more(
    monkeypatch: pytest.MonkeyPatch, style: Style, event: Callable[[int], Any]
) -> None:
    """Lines and patches count like words; the bot's line about it is still shown."""
    monkeypatch.setattr(transcript_module, "LONGEST", 10_000)
    transcript = Transcript(style)
    for number in range(1_000):
        transcript.apply(event(number))
        if transcript.too_long:
            break
    assert transcript.too_long
    kept = len(transcript.wanted())
    for later in range(1_000, 1_100):
        transcript.apply(event(later))
    assert len(transcript.wanted()) == kept
    transcript.end()
    transcript.line("that was too much")
    assert transcript.pages()[-1].endswith("that was too much")
    assert len(everything(transcript)) < 30_000


# ---- thoughts


def test_thoughts_are_shown_as_configured() -> None:
    """Off, behind spoilers, or as subtext; their markup is escaped, and the words behind them begin a line."""
    events = (Text("a"), Thought("why **so**\n"), Thought("hm"), Thought("mm"), Text("b"))
    assert shown(*events) == ["ab"]
    assert shown(*events, style=Style(thoughts="subtext")) == ["a\n-# why \\*\\*so\\*\\*\n-# hmmm\nb"]
    assert shown(*events, style=Style(thoughts="spoiler")) == ["a\n||why \\*\\*so\\*\\*||\n||hmmm||\nb"]


@given(st.lists(st.text("ab |`\n", max_size=300), max_size=30))
def test_a_thoughts_spoilers_are_closed_on_every_page(chunks: list[str]) -> None:
    """However long it is and wherever it is cut."""
    transcript = Transcript(Style(thoughts="spoiler", max_pages=0))
    for chunk in chunks:
        transcript.apply(Thought(chunk))
        transcript.pages()
    transcript.end()
    assert_postable(transcript.pages())
    for page in transcript.pages():
        assert all(line.startswith("||") and line.endswith("||") for line in page.split("\n"))
    assert transcript.pages() == shown(Thought("".join(chunks)), style=Style(thoughts="spoiler", max_pages=0))


def test_events_that_are_not_for_people_show_nothing() -> None:
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


# ---- data and links


def test_data_that_the_agent_sends_is_attached() -> None:
    """An image, sound, a resource: each is announced in its place under a name of its own (P69)."""
    data = base64.b64encode(b"\x89PNG").decode()
    transcript = ended(
        Text("see"),
        content(type="image", data=data, mimeType="image/png"),
        content(type="image", data=data, mimeType="image/png", uri="file:///p/a%20b.png"),
        content(type="audio", data=data, mimeType="audio/mpeg"),
        content(type="resource", resource={"uri": "file:///p/../.env.txt", "text": "words"}),
        Text("done"),
    )
    assert transcript.pages() == [
        "see\n📎 `image.png` · 4 bytes\n📎 `a-b.png` · 4 bytes\n📎 `audio.mp3` · 4 bytes\n📎 `env.txt` · 5 bytes\ndone"
    ]
    assert [(file.name, file.source()) for file in transcript.files()] == [
        ("image.png", b"\x89PNG"),
        ("a-b.png", b"\x89PNG"),
        ("audio.mp3", b"\x89PNG"),
        ("env.txt", b"words"),
    ]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("file:///app/[id].png", "id-.png"),
        ("http://]/a.png", "image.png"),
        ("http://a\u2100b/a.png", "image.png"),
        ("file:///a%00b.png", "a-b.png"),
    ],
)
def test_data_with_an_odd_address_is_attached(uri: str, name: str) -> None:
    """Some addresses cannot be read: the host's brackets, or letters in it that stand for other marks."""
    data = base64.b64encode(b"\x89PNG").decode()
    transcript = ended(content(type="image", data=data, mimeType="image/png", uri=uri))
    assert [file.name for file in transcript.files()] == [name]


def test_data_that_cannot_be_attached_is_named_with_the_reason() -> None:
    """Too large, not base64, empty, of an unknown kind."""
    transcript = ended(
        content(type="image", data="AAAA" * 4_000_000, mimeType="image/png"),
        content(type="image", data="A", mimeType="image/png"),
        content(type="image", data="", mimeType="image/png"),
        content(type="resource", resource={"uri": "file:///x.bin"}),
        content(type="hologram"),
    )
    assert "\n".join(transcript.pages()).split("\n") == [
        "-# 🚫 image.png was not sent: it is 11.4 MiB, more than Discord's limit of 10 MiB",
        "-# 🚫 image.png was not sent: its data is not base64",
        "-# 🚫 image.png was not sent: it is empty",
        "-# 🚫 x.bin was not sent: it has no data",
        "-# 📎 (the agent sent hologram content, which is not shown)",
    ]
    assert transcript.files() == []


def test_a_link_to_the_web_is_shown_and_not_fetched() -> None:
    """With its name and its address."""
    transcript = ended(content(type="resource_link", name="a_b", uri="https://example.org/x_y"))
    assert transcript.pages() == ["📎 a\\_b: <https://example.org/x_y>"]
    assert transcript.wanted() == []


def test_a_link_to_a_file_waits_until_the_file_is_supplied() -> None:
    """Its line then says what became of it."""
    transcript = Transcript()
    for name in ("good.txt", "bad.txt"):
        transcript.apply(content(type="resource_link", name=name, uri=f"file:///p/{name}"))
    assert transcript.pages() == ["-# 📎 good.txt …\n-# 📎 bad.txt …"]
    good, bad = transcript.wanted()
    transcript.supply(bad, "it is not in the session's directories")
    transcript.supply(good, b"data")
    transcript.supply(good, b"data")
    assert transcript.wanted() == []
    assert transcript.pages() == [
        "📎 `good.txt` · 4 bytes\n-# 🚫 bad.txt was not sent: it is not in the session's directories"
    ]
    assert [file.source() for file in transcript.files()] == [b"data"]


@pytest.mark.parametrize("style", [Style(), Style(tools="full", max_pages=0)])
def test_a_flood_of_lines_costs_what_is_new_and_not_what_lies_before(style: Style) -> None:
    """Of links, and of tool calls: full pages are frozen before anybody looks (invariant 13)."""

    def flood(count: int) -> Transcript:
        transcript = Transcript(style)
        for number in range(count):
            transcript.apply(tool(f"t{number}", title="Work", status="completed"))
            transcript.apply(content(type="resource_link", name="x.txt", uri=f"file:///p/{number}"))
            (link,) = transcript.wanted()
            transcript.supply(link, "there is no such file")
        return transcript

    assert calls(lambda: flood(600)) < 2.5 * calls(lambda: flood(300))
    transcript = flood(600)
    assert calls(transcript.pages) < 20_000
    transcript.end()
    assert everything(transcript).count("no such file") == 600


def test_a_name_or_path_of_any_length_takes_one_line() -> None:
    """A link must not fill the pages that the agent's words need."""
    transcript = Transcript()
    far = "/x" * 5_000
    for uri in (f"file://{far}", "http://example.org/"):
        transcript.apply(content(type="resource_link", name=far, uri=uri))
    transcript.apply(content(type="resource", resource={"uri": f"file:///{'n' * 5_000}.bin", "blob": ""}))
    transcript.supply(transcript.wanted()[0], f"{far}: not inside the session's directories")
    (page,) = transcript.pages()
    assert [line.count("…") for line in page.split("\n")] == [2, 1, 1]
    assert max(map(len, page.split("\n"))) < 500


def test_what_became_of_a_link_is_shown_although_its_page_is_frozen() -> None:
    """On a line of its own."""
    transcript = Transcript()
    transcript.apply(content(type="resource_link", name="x.txt", uri="file:///p/x.txt"))
    transcript.apply(Text("w" * 3_000 + "\n"))
    frozen = transcript.pages()[0]
    transcript.supply(transcript.wanted()[0], "there is no such file")
    transcript.end()
    assert transcript.pages()[0] == frozen
    assert transcript.pages()[-1].endswith("\n-# 🚫 x.txt was not sent: there is no such file")


def test_a_reply_has_at_most_twenty_files() -> None:
    """Further ones are named, and long code is shown on pages then."""
    events = [content(type="image", data="AAAA", mimeType="image/png") for _ in range(25)]
    transcript = ended(*events, Text("```py\n" + "x\n" * 300 + "```"))
    assert len(transcript.files()) == 20
    assert "the reply has too many files" in "\n".join(transcript.pages())
    assert "\n".join(transcript.pages()).count("\nx") == 300


# ---- tool calls


def test_a_tool_call_is_one_line_however_often_it_is_reported() -> None:
    """Announced, announced again, updated: the id decides, and fields that an update leaves out stay."""
    events = [
        Text("before"),
        tool("1", "tool_call", title="Read *a*", status="pending", kind="read"),
        tool("1", "tool_call", title="Read b", status="pending"),
        tool("1", status="in_progress"),
        Text("after"),
        tool("1", status="completed"),
    ]
    transcript = Transcript()
    for event in events[:2]:
        transcript.apply(event)
    assert transcript.pages() == ["before\n-# ▸ 📖 Read \\*a\\*"]
    assert shown(*events) == ["before\n-# ✔ 📖 Read b\nafter"]


def test_a_tool_call_that_was_never_announced_is_shown() -> None:
    """Some agents send only updates. A call without a title shows its kind, without a kind a word; the end ends it."""
    transcript = Transcript()
    for event in (tool("1", status="failed"), tool("2", kind="edit"), tool("3", title="x")):
        transcript.apply(event)
    assert transcript.pages() == ["-# ✘ tool\n-# ▸ 📝 edit\n-# ▸ x"]
    transcript.end()
    assert transcript.pages() == ["-# 🛠 3 tools · 1 failed · 2 not finished"]


def test_all_that_is_known_of_a_tool_call_can_be_asked() -> None:
    """A question may bring only the id."""
    transcript = Transcript()
    transcript.apply(tool("1", "tool_call", title="Run", rawInput={"command": "ls"}))
    asked = transcript.tool_call(ToolCallUpdate(tool_call_id="1", kind="execute"))
    assert (asked.title, asked.kind, asked.raw_input) == ("Run", "execute", {"command": "ls"})
    assert transcript.tool_call(ToolCallUpdate(tool_call_id="2")) == ToolCallUpdate(tool_call_id="2")


def test_tool_calls_without_words_between_them_are_one_run() -> None:
    """The blank lines that agents put between calls do not separate them."""
    assert shown(tool("1", title="a"), Text("\n\n"), tool("2", title="b"), Text("\n"), Text("end")) == [
        "-# 🛠 2 tools · 2 not finished\n\nend"
    ]


def test_tool_calls_are_hidden_where_the_style_says_so() -> None:
    """Their files are still attached."""
    image = {"type": "content", "content": {"type": "image", "data": "AAAA", "mimeType": "image/png"}}
    diff = {"type": "diff", "path": "/p/a", "oldText": "a\n", "newText": "b\n"}
    transcript = Transcript(Style(tools="off"))
    assert not transcript.apply(tool("1", title="a"))
    assert not transcript.has_text
    assert transcript.apply(tool("1", status="completed", content=[image, diff]))
    transcript.end()
    assert transcript.pages() == ["📎 `image.png` · 3 bytes"]
    assert [file.name for file in transcript.files()] == ["image.png", "changes.patch"]


def test_words_around_a_hidden_tool_call_stay_apart() -> None:
    """An update of the same call does not part words."""
    events = [Text("I look."), tool("1", title="read"), Text("It is "), tool("1", status="completed"), Text("fine.")]
    assert shown(*events, style=Style(tools="off")) == ["I look.\nIt is fine."]


@pytest.mark.parametrize("style", [Style(), Style(tools="off")])
def test_another_message_of_the_agent_begins_behind_a_blank_line(style: Style) -> None:
    """Only where nothing else is between the two."""
    assert shown(MessageBegun(), Text("one."), MessageBegun(), Text("two."), style=style) == ["one.\n\ntwo."]
    assert shown(Text("one.\n"), MessageBegun(), Text("\ntwo."), style=style) == ["one.\n\n\ntwo."]
    (page,) = shown(Text("one."), tool("1", title="read"), MessageBegun(), Text("two."), style=style)
    assert "\n\n" not in page


def test_a_tool_call_on_a_frozen_page_stays_as_it_was() -> None:
    """A frozen page never changes, and the late update is shown on no other."""
    transcript = Transcript()
    transcript.apply(tool("1", "tool_call", title="Read"))
    transcript.apply(Text("x" * 3_000 + "\n"))
    before = list(transcript.pages())
    assert before[0].startswith("-# · Read\n")
    transcript.apply(tool("1", status="completed"))
    assert transcript.pages() == before


def test_a_run_of_tool_calls_moves_to_the_next_page_as_a_whole() -> None:
    """There it can still change."""
    transcript = Transcript()
    transcript.apply(Text("x" * 1_900 + "\n"))
    for number in range(5):
        transcript.apply(tool(str(number), title=f"Call {number} of a title that takes some room"))
    first, second = transcript.pages()
    assert first == "x" * 1_900
    assert second.count("▸") == 5
    transcript.apply(tool("0", status="completed"))
    assert transcript.pages()[1].count("✔") == 1


def test_the_changes_of_a_turn_are_one_patch() -> None:
    """Of the calls that completed, each once, in the order of their completion."""
    diffs = [
        {"type": "diff", "path": f"/p/{name}.py", "oldText": "old\n", "newText": f"new {name}\n"} for name in "abc"
    ]
    transcript = Transcript(Style(directory="/p"))
    transcript.apply(tool("1", content=[diffs[0]], status="in_progress"))
    transcript.apply(tool("2", content=[diffs[1]], status="completed"))
    transcript.apply(tool("1", content=[diffs[0]], status="completed"))
    transcript.apply(tool("1", content=[diffs[0]], status="completed"))
    transcript.apply(tool("3", content=[diffs[2]], status="failed"))
    assert transcript.files() == []
    transcript.end()
    (patch,) = transcript.files()
    assert patch.name == "changes.patch"
    assert patch.source().decode() == "".join(
        f"--- a/{name}.py\n+++ b/{name}.py\n@@ -1 +1 @@\n-old\n+new {name}\n" for name in "ba"
    )


def test_a_change_that_only_the_question_shows_is_in_the_patch_too() -> None:
    """The last update of such a call brings a text in its place; a call that failed has changed nothing."""
    diff = {"type": "diff", "path": "/p/a.py", "oldText": "old\n", "newText": "new\n"}
    said = {"type": "content", "content": {"type": "text", "text": "Edit applied"}}
    transcript = Transcript(Style(directory="/p"))
    transcript.apply(tool("1", title="Edit", status="pending", kind="edit"))
    for call_id in "12":
        asked = transcript.tool_call(ToolCallUpdate.model_validate({"toolCallId": call_id, "content": [diff]}))
        assert asked.content is not None
    transcript.apply(tool("1", status="completed", content=[said]))
    transcript.apply(tool("2", status="failed"))
    transcript.apply(tool("3", status="in_progress", content=[diff]))
    transcript.apply(tool("3", status="completed", content=[said]))
    transcript.end()
    assert transcript.pages() == ["-# 🛠 3 tools · 1 file · +2 −2 · 1 failed"]
    (patch,) = transcript.files()
    assert patch.source().decode() == "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+new\n" * 2
    receipt = transcript.receipt(1.0)
    assert (receipt.tools, receipt.failed, receipt.files, receipt.added) == (3, 1, 1, 2)


def test_a_question_about_a_call_that_was_never_reported_is_no_tool_call() -> None:
    """It is on no page and in no receipt."""
    transcript = Transcript()
    transcript.tool_call(ToolCallUpdate(tool_call_id="1", title="Run"))
    transcript.end()
    assert transcript.pages() == []
    assert transcript.receipt(1.0).tools == 0


def test_a_run_of_very_many_calls_costs_no_more_to_look_at_than_a_short_one() -> None:
    """Calls that are only counted are not looked at again; one that begins again is shown again."""
    transcript = Transcript()
    for number in range(3_000):
        transcript.apply(tool(str(number), title=f"t{number}", status="failed" if number == 7 else "completed"))
        if number % 100 == 0:
            transcript.pages()
    run = transcript._blocks._blocks[-1]
    assert isinstance(run, ToolRun)
    assert len(run.entries) <= 50
    (page,) = transcript.pages()
    assert page.split("\n") == ["-# ⋯ 2994 earlier, 1 failed", *(f"-# ✔ t{number}" for number in range(2_994, 3_000))]
    transcript.apply(tool("2900", title="again", status="in_progress"))
    assert "-# ▸ again" in transcript.pages()[0]
    assert (transcript.receipt(1.0).tools, transcript.receipt(1.0).failed) == (3_000, 1)


def test_a_receipt_counts_what_was_done() -> None:
    """Tools, files, lines, tokens, and the turn's part of the session's cost."""
    diff = {"type": "diff", "path": "/p/a.py", "oldText": "a\n", "newText": "b\nc\n"}
    transcript = ended(
        tool("1", content=[diff], status="completed", kind="edit", locations=[{"path": "/p/a.py"}]),
        tool("2", status="completed", kind="delete", locations=[{"path": "/p/b.py"}]),
        tool("3", status="completed", kind="read", locations=[{"path": "/p/c.py"}]),
        tool("4", status="failed", kind="edit", locations=[{"path": "/p/d.py"}]),
        update("usage_update", used=12_345, size=200_000, cost={"amount": 0.5, "currency": "USD"}),
        style=Style(directory="/p"),
    )
    assert transcript.receipt(75.2, cost_before=0.38).words() == (
        "1 min 15 s · 4 tools (1 failed) · 2 files changed +2 −1 · 12.3k of 200k tokens · $0.12"
    )
    assert ended().receipt(3).words() == "3 s"


@pytest.mark.parametrize("figure", [10**4_000, -(10**4_000), float("inf"), -1])
def test_figures_that_nobody_could_read_are_left_out(figure: float) -> None:
    """A number of thousands of digits can be neither divided nor shown; the reply does without it."""
    told = [
        update("usage_update", used=figure, size=200_000, cost=None),
        update("usage_update", used=1, size=2, cost={"amount": figure * 10**13, "currency": "USD"}),
    ]
    assert [ended(each).receipt(3).words() for each in told] == ["3 s", "3 s · 1 of 2 tokens"]


# ---- the plan


def test_a_plan_is_replaced_in_place() -> None:
    """The newest list is where the first one was."""
    first = plan(("look", "in_progress"), ("act", "pending"))
    second = plan(("look", "completed"), ("act", "in_progress"), ("rest", "pending"))
    transcript = Transcript()
    for event in (Text("a"), first, Text("b")):
        transcript.apply(event)
    assert transcript.pages() == ["a\n▸ look\n☐ act\nb"]
    transcript.apply(second)
    assert transcript.pages() == ["a\n☑ look\n▸ act\n☐ rest\nb"]


def test_a_plan_whose_page_is_frozen_begins_again() -> None:
    """The old list stays as it was, without the mark of a step in progress, which would soon be false."""
    transcript = Transcript()
    transcript.apply(plan(("look", "in_progress")))
    assert transcript.pages() == ["▸ look"]
    transcript.apply(Text("x" * 2_500 + "\n"))
    frozen, last = transcript.pages()
    assert frozen.startswith("☐ look\n")
    transcript.apply(plan(("look", "in_progress")))
    assert transcript.pages() == [frozen, last]
    transcript.apply(plan(("look", "completed")))
    assert transcript.pages()[0] == frozen
    assert transcript.pages()[-1].endswith("\n☑ look")
    transcript.apply(plan(("look", "completed"), ("act", "pending")))
    assert transcript.pages()[-1].endswith("\n☑ look\n☐ act")


def test_no_step_is_in_progress_when_the_turn_has_ended() -> None:
    """Agents often leave their last step open; a plan that comes late says the same."""
    transcript = Transcript()
    transcript.apply(plan(("look", "completed"), ("act", "in_progress")))
    transcript.end()
    assert transcript.pages() == ["☑ look\n☐ act"]
    transcript.apply(plan(("look", "completed"), ("act", "completed"), ("rest", "in_progress")))
    assert transcript.pages() == ["☑ look\n☑ act\n☐ rest"]


def test_a_page_that_is_full_says_of_no_call_that_it_runs() -> None:
    """It never changes again, and the call ends later; on the open page its line changes with it."""
    transcript = Transcript()
    transcript.apply(tool("a", "tool_call", title="make", kind="execute", status="in_progress"))
    transcript.apply(Text("words"))
    assert transcript.pages() == ["-# ▸ 💻 make\nwords"]
    transcript.apply(Text("x" * 2_500 + "\n"))
    frozen, _ = transcript.pages()
    assert frozen.startswith("-# · 💻 make\n")
    transcript.apply(tool("a", status="completed"))
    assert transcript.pages()[0] == frozen


def test_a_long_plan_shows_the_steps_around_the_current_one() -> None:
    """The others are counted."""
    steps = [(f"step {number}", "completed" if number < 20 else "pending") for number in range(40)]
    (page,) = shown(plan(*steps))
    lines = page.split("\n")
    assert lines[0] == "-# ⋯ 18 earlier, 18 done"
    assert lines[1:4] == ["☑ step 18", "☑ step 19", "☐ step 20"]
    assert lines[-1] == "-# ⋯ 12 more, 0 done"


# ---- all together

events = st.lists(
    texts.map(Text)
    | st.text("ab \n", max_size=900).map(Thought)
    | st.builds(lambda number, status: tool(str(number), title="t" * 200, status=status),
                st.integers(0, 30), st.sampled_from(["pending", "completed"]))
    | st.builds(lambda number, old, new: tool(str(number), status="completed", content=[
                    {"type": "diff", "path": "/a/b", "oldText": old, "newText": new}]),
                st.integers(0, 30), st.text("ab\n`"), st.text("ab\n`"))
    | st.lists(st.tuples(st.text(max_size=300), st.sampled_from(["pending", "in_progress", "completed"])), max_size=30)
    .map(lambda steps: plan(*steps))
    | st.just(content(type="image", data="AAAA", mimeType="image/png")),
    max_size=12,
)  # fmt: skip


@settings(max_examples=60)
@given(events, st.sets(st.integers(0, 12)), STYLES)
def test_pages_are_postable_and_frozen_ones_stay_whatever_the_agent_does(
    events: list[Any], looked: set[int], style: Style
) -> None:
    """Text, thoughts, tools, changes, plans and data in any order, rendered at any moments (P17)."""
    transcript = Transcript(style)
    frozen: list[str] = []
    for number, event in enumerate(events):
        transcript.apply(event)
        if number in looked:
            frozen = looked_at(transcript, frozen)
    transcript.line("-# the end")
    transcript.end()
    assert_postable(transcript.pages())
    assert transcript.pages()[: len(frozen)] == frozen
    assert transcript.pages() == transcript.pages()
    assert transcript.pages()[-1].endswith("-# the end")
    assert all(file.size == len(file.source()) > 0 for file in transcript.files())
    assert not any(re.match("(-# )?▸ ", line) for page in transcript.pages()[:-1] for line in page.split("\n"))
    transcript.close()


def test_the_bots_own_lines_are_separate_lines() -> None:
    """Above, between and below the agent's words."""
    transcript = Transcript()
    transcript.line("-# above")
    transcript.apply(Text("words"))
    transcript.line("-# below")
    transcript.line("-# last")
    assert transcript.pages() == ["-# above\nwords\n-# below\n-# last"]


def test_a_line_behind_an_open_code_block_is_outside_it() -> None:
    """A turn may end in the middle of a code block; the bot's line about that must not be read as code."""
    transcript = Transcript()
    transcript.apply(Text("```py\nx = 1"))
    transcript.line("-# ⏹ cancelled")
    assert transcript.pages() == ["```py\nx = 1\n```\n-# ⏹ cancelled"]
    transcript.apply(Text("\ny = 2\n```\nbehind"))
    assert transcript.pages() == ["```py\nx = 1\n```\n-# ⏹ cancelled\n```py\ny = 2\n```\nbehind"]


def test_what_comes_after_the_end_is_shown_too() -> None:
    """A late update, on a line of its own."""
    transcript = ended(Text("words"))
    transcript.apply(Text("late"))
    assert transcript.pages() == ["words\nlate"]


def test_late_text_is_shown_as_far_as_pages_are_left() -> None:
    """Text beyond them is not shown: the files have been sent."""
    transcript = ended(Text("words"), style=Style(max_pages=2))
    transcript.files()
    transcript.close()
    transcript.apply(Text("late " * 300))
    assert words_of("".join(transcript.pages())) == ["words", *["late"] * 300]
    for _ in range(100):
        transcript.apply(Text("later " * 100))
    first, second = transcript.pages()
    assert_postable([first, second])
    assert second.endswith(REST_TOO_LATE)


def test_late_text_has_one_more_page_where_all_were_full() -> None:
    """It follows the page that names the file, and the bot's own lines."""
    transcript = Transcript(Style(max_pages=1))
    transcript.apply(Text("words " * 1_000))
    transcript.line("-# the end")
    transcript.end()
    early = transcript.pages()
    transcript.close()
    transcript.apply(Text("late"))
    assert transcript.pages() == [*early, "late"]
    transcript.apply(Text(" words" * 1_000))
    transcript.line("-# a line")
    transcript.apply(Text(" words" * 1_000))
    *same, last, line = transcript.pages()
    assert same == early
    assert last.endswith(REST_TOO_LATE)
    assert line == "-# a line"


def test_late_files_are_not_announced() -> None:
    """A change, data and long code that come after the files have been sent."""
    transcript = ended(Text("words"))
    attached = transcript.files()
    transcript.close()
    diff = {"type": "diff", "path": "/p/a.py", "oldText": "old\n", "newText": "new\n"}
    transcript.apply(tool("1", content=[diff], status="completed", title="Edit"))
    transcript.apply(image(b"data"))
    transcript.apply(Text("```\n" + "code\n" * 250 + "```\n"))
    pages = transcript.pages()
    assert "✔ Edit" in pages[0]
    assert "-# 🚫 image.png was not sent: it came after the end of the turn" in pages[0]
    assert sum(page.count("code") for page in pages) == 250
    assert transcript.files() == attached == []


def test_a_file_that_cannot_be_written_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a temporary directory: what fits into memory is attached, also the beginning of the text's rest."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    transcript = Transcript(Style(max_pages=1))
    for data in (b"x" * 300_000, b"y" * 2_000_000):
        transcript.apply(image(data))
    for _ in range(30):
        transcript.apply(Text("words " * 10_000))
    transcript.end()
    shown = "\n".join(transcript.pages())
    assert "📎 `image.png` · 293 KiB" in shown
    assert "-# 🚫 `image-2.png` was not sent: it could not be written: No such file or directory" in shown
    assert "-# ⚠ `reply.md` ends after 1 MiB; the rest could not be written: No such file or directory" in shown
    assert [(file.name, len(file.source())) for file in transcript.files()] == [
        ("image.png", 300_000),
        ("reply.md", 1024 * 1024),
    ]


# ---- real agents


@needs_recordings
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("style", [Style(), Style(tools="full", thoughts="subtext")], ids=["default", "full"])
def test_what_real_agents_sent_is_shown(path: Path, style: Style) -> None:
    """Recorded traffic: every page can be posted at any time, and the agent's text is complete and in order."""
    transcript = Transcript(style)
    said = ""
    for line in read_transcript(path):
        params = line.message.get("params")
        if line.direction != "in" or line.message.get("method") != "session/update" or not isinstance(params, dict):
            continue
        event: Any = parse_update(params["update"])
        if isinstance(event, AgentMessageChunk) and isinstance(event.content, TextBlock):
            event = Text(event.content.text)
            said += event.text
        elif isinstance(event, AgentThoughtChunk) and isinstance(event.content, TextBlock):
            event = Thought(event.content.text)
        transcript.apply(event)
        assert_postable(transcript.pages())
    transcript.end()
    shown_words = iter(words_of(everything(transcript)))
    assert said
    assert all(word in shown_words for word in words_of(said))


# ---- notices


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (update("notice", severity="info", title="A newer model is there"), "-# ℹ A newer model is there"),
        (update("notice", severity="warning", title="Quota", description="90 %\nused"), "-# ⚠ Quota: 90 % used"),
        (update("notice", severity="error", title="**<@1> `x`**"), "-# ❌ \\*\\*\\<\\@1\\> \\`x\\`\\*\\*"),
        (update("notice", severity="brand-new", title="x" * 1000), f"-# ℹ {'x' * 500}"),
        (update("compaction_update", compactionId="c", status="in_progress"), None),
        (
            update("compaction_update", compactionId="c", status="completed"),
            "-# The agent has shortened its memory of this session.",
        ),
        (
            update("compaction_update", compactionId="c", status="failed", error="no room"),
            "-# ⚠ The agent could not shorten its memory of this session: no room",
        ),
        (update("compaction_update", compactionId="c", status="cancelled"), None),
        (update("compaction_summary_chunk", compactionId="c", content={"type": "text", "text": "s"}), None),
    ],
)
def test_a_notice_of_the_agent_is_a_line_between_its_words(told: Any, line: str | None) -> None:
    """As plain text, whatever it holds; one that people need not see is not shown."""
    (page,) = shown(Text("before"), told, Text("after"))
    assert page.splitlines() == (["beforeafter"] if line is None else ["before", line, "after"])
