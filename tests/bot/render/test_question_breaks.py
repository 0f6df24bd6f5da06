"""A question ends the open page of a reply: what the agent says next begins a page below it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp import Text, Thought
from bot.config.appearance import Style
from bot.render.pager import LEAST_COUNTED, MOST_CHARACTERS
from bot.render.transcript import Transcript
from bot.text.markdown import LIMIT
from bot.user_messages.reply_lines import REST_ATTACHED
from tests.bot.page_checks import TALK, assert_postable, joined
from tests.support.call_count import calls

from .test_transcript import plan, tool

UNBOUND = Style(max_pages=0)


class Ask:
    """A question at this place."""


ASK = Ask()


def transcript_of(*happened: Any, style: Style = UNBOUND) -> Transcript:
    """A transcript of words, events and questions, looked at after each."""
    transcript = Transcript(style)
    for each in happened:
        match each:
            case Ask():
                above = transcript.break_at_question()
                assert above == len(transcript.pages())
            case str():
                transcript.apply(Text(each))
            case _:
                transcript.apply(each)
        transcript.pages()
    return transcript


def pages_of(*happened: Any, style: Style = UNBOUND) -> list[str]:
    """The pages in the end."""
    transcript = transcript_of(*happened, style=style)
    transcript.end()
    return transcript.pages()


RUNNING = tool("a", "tool_call", title="make", kind="execute", status="pending")
DONE = tool("a", status="completed")


@pytest.mark.parametrize(
    ("happened", "pages"),
    [
        (["above", ASK, "below"], ["above", "below"]),
        ([ASK, "below"], ["below"]),
        (["above", ASK], ["above"]),
        (["above", ASK, ASK, ASK, "below"], ["above", "below"]),
        (["one", ASK, "two", ASK, "three"], ["one", "two", "three"]),
        (["above \n\n", ASK, "\n\n below"], ["above", "below"]),
        (["half a wo", ASK, "rd"], ["half a wo", "rd"]),
        ([" \n", ASK, "\n"], []),
        (["```py\nx = 1\n", ASK, "y = 2\n```\nbehind"], ["```py\nx = 1\n```", "```py\ny = 2\n```\nbehind"]),
        ([Thought("why"), ASK, Thought("so"), "words"], ["words"]),
        (["above", RUNNING, ASK, DONE, "below"], ["above", "-# ✔ 💻 make\nbelow"]),
        ([RUNNING, ASK, DONE], ["-# ✔ 💻 make"]),
        ([RUNNING, ASK, tool("a", status="in_progress")], ["-# ■ 💻 make"]),
        ([RUNNING, DONE, ASK, "below"], ["-# ✔ 💻 make", "below"]),
        # Agents tell more of a call while its question is open: it has not gone on.
        ([RUNNING, ASK, tool("a", title="make it"), "below"], ["below"]),
        (
            [plan(("one", "in_progress")), ASK, plan(("one", "completed"))],
            ["☐ one", "☑ one"],
        ),
        # Agents send the whole plan again: it stands above already.
        ([plan(("one", "in_progress")), ASK, plan(("one", "in_progress")), "below"], ["☐ one", "below"]),
        ([plan(("one", "in_progress")), "words", ASK, plan()], ["☐ one\nwords"]),
        (
            [plan(("one", "pending")), ASK, plan(("one", "pending")), "below", ASK, plan(("one", "in_progress"))],
            ["☐ one", "below", "☐ one"],
        ),
    ],
)
def test_what_stands_above_a_question_and_what_below(happened: list[Any], pages: list[str]) -> None:
    """A page above never changes; a call that runs has its line below, when it goes on."""
    assert pages_of(*happened) == pages


def test_a_question_asked_while_two_calls_run_keeps_the_one_that_has_ended_above() -> None:
    """The other one is shown below when it ends."""
    other = tool("b", "tool_call", title="look", kind="read", status="in_progress")
    pages = pages_of(RUNNING, other, DONE, ASK, tool("b", status="completed"))
    assert pages == ["-# ✔ 💻 make", "-# ✔ 📖 look"]


@settings(max_examples=150)
@given(
    pieces=TALK,
    places=st.sets(st.integers(0, 150), max_size=12),
    looked=st.sets(st.integers(0, 150)),
    fenced=st.booleans(),
)
def test_breaks_change_no_word(pieces: list[str], places: set[int], looked: set[int], *, fenced: bool) -> None:
    """The pages joined are the text without questions; those above a question stay as they are."""
    fence = ["```py\n"] if fenced else []
    plain, broken = Transcript(Style(max_pages=0, long_code_lines=0)), Transcript(Style(max_pages=0, long_code_lines=0))
    above: list[str] = []
    for number, piece in enumerate([*fence, *pieces]):
        for transcript in (plain, broken):
            transcript.apply(Text(piece))
        if number in looked:
            broken.pages()
        if number in places:
            count = broken.break_at_question()
            assert broken.pages()[: len(above)] == above
            above = broken.pages()
            assert len(above) == count
    for transcript in (plain, broken):
        transcript.end()
    assert_postable(broken.pages())
    assert broken.pages()[: len(above)] == above
    said = [re.sub(r"\s+|```(py)?", "", joined(each.pages())) for each in (plain, broken)]
    assert said[0] == said[1]


def test_pages_that_end_at_a_question_do_not_count_as_full() -> None:
    """With two pages at most, the reply has two full ones, and as many others as there were questions."""
    style = Style(max_pages=2)
    happened = [part for number in range(5) for part in (f"Words {number}.", ASK)]
    long = "word " * 1200
    pages = pages_of(*happened, long, style=style)
    assert pages[:5] == [f"Words {number}." for number in range(5)]
    assert len(pages) == 7
    assert pages[6].endswith(REST_ATTACHED.strip())


def test_of_a_reply_whose_pages_are_full_the_bots_lines_keep_their_places() -> None:
    """The agent's words go into the file; a line of the bot's stands below the question that came before it."""
    transcript = transcript_of("word " * 1200, style=Style(max_pages=1))
    transcript.line("-# one")
    above = transcript.break_at_question()
    transcript.apply(Text("behind"))
    transcript.line("-# two")
    transcript.end()
    assert transcript.pages()[above - 1 :] == ["-# one", "-# two"]
    (rest,) = transcript.files()
    assert rest.page == 0
    assert rest.source().decode().endswith("behind")


@pytest.mark.parametrize("said", ["x", "a few words\n", ""])
def test_thousands_of_questions_take_work_in_proportion_and_bounded_pages(said: str) -> None:
    """An agent may ask as often as it likes."""

    def asked(count: int) -> int:
        transcript = Transcript(UNBOUND)

        def ask() -> None:
            for _ in range(count):
                transcript.apply(Text(said))
                transcript.break_at_question()

        made = calls(ask)
        assert len(transcript.pages()) <= MOST_CHARACTERS // LEAST_COUNTED
        assert len("".join(transcript._blocks.pieces())) <= 3 * LIMIT
        return made

    assert asked(5000) <= 4 * asked(2500)
