"""The invariants of chaos, each with a minimal thread that violates it."""

from collections import Counter
from dataclasses import replace

import pytest

from bench.chaos.invariants import Finding, Page, Request, Thread, UserActions, Violation, find_violations
from bench.chaos.plan import Line

THREAD_ID = 100
FIRST = Request(Line("answer-0001-00", "say answer-0001-00", 0, 0.0), 1, 100)
SECOND = Request(Line("answer-0001-01", "say answer-0001-01", 0, 0.0), 1, 102)
ROWS = {100: ("answered", None), 102: ("answered", None)}
PAGES = (Page(101, "answer-0001-00", 100), Page(103, "answer-0001-01", 102))
PROMPTS = {"answer-0001-00": 1, "answer-0001-01": 1}
WELL = Thread(THREAD_ID, (FIRST, SECOND), PAGES, ROWS)


def faults(
    thread: Thread, prompts: dict[str, int] | None = None, actions: UserActions | None = None
) -> list[Violation]:
    """Return the kinds of violations in a thread."""
    return [entry.fault for entry in find_violations(thread, prompts or PROMPTS, actions or UserActions())]


def test_a_thread_with_all_answers_in_order_has_no_violation() -> None:
    """There is no finding."""
    assert faults(WELL) == []


@pytest.mark.parametrize("state", ["received", "held", "prompted", "finished"])
def test_a_row_that_has_not_ended_is_wrong(state: str) -> None:
    """Every row must end, with any content of the thread."""
    assert faults(replace(WELL, rows={**ROWS, 102: (state, None)})) == [Violation.ROW]


def test_a_message_without_a_row_is_lost() -> None:
    """The bot never accepted it."""
    assert faults(replace(WELL, rows={100: ROWS[100]})) == [Violation.LOST]


def test_a_row_that_counts_as_answered_without_an_answer_is_lost() -> None:
    """The text must be in the thread."""
    assert faults(replace(WELL, pages=PAGES[:1])) == [Violation.LOST]


@pytest.mark.parametrize("word", ["❌ the agent has ended", "-# ⏹ Stopped by <@5>", "-# ⏹ Threadline was stopped"])
def test_a_message_that_is_openly_declared_is_not_lost(word: str) -> None:
    """A declaration in the thread is enough for any row."""
    told = replace(WELL, pages=(PAGES[0], Page(103, word, 102)), rows={**ROWS, 102: ("closed", "failed")})
    assert faults(told, actions=UserActions(harsh={1})) == []


def test_a_message_without_an_answer_for_no_reason_is_lost() -> None:
    """A declaration needs a kill, a cancel, or an agent that was told to crash."""
    told = replace(WELL, pages=(PAGES[0], Page(103, "❌ the agent has ended", 102)))
    assert faults(told) == [Violation.LOST]
    lethal = replace(SECOND, line=replace(SECOND.line, lethal=True))
    assert faults(replace(told, asked=(FIRST, lethal))) == []


def test_a_message_that_is_closed_without_a_declaration_is_lost() -> None:
    """A declaration about another message does not count."""
    silent = replace(WELL, pages=(PAGES[0], Page(103, "❌ gone", 100)), rows={**ROWS, 102: ("closed", "failed")})
    assert faults(silent, actions=UserActions(harsh={1})) == [Violation.LOST]


def test_what_a_person_skipped_or_dropped_is_not_lost() -> None:
    """This holds only for what they pressed."""
    skipped = replace(WELL, pages=PAGES[:1], rows={**ROWS, 102: ("closed", "skipped")})
    assert faults(skipped) == [Violation.LOST]
    assert faults(skipped, actions=UserActions(skipped={102})) == []
    dropped = replace(skipped, rows={**ROWS, 102: ("closed", "dropped")})
    assert faults(dropped) == [Violation.LOST]
    assert faults(dropped, actions=UserActions(dropped={THREAD_ID})) == []


def test_an_answer_that_is_shown_twice_is_doubled() -> None:
    """This includes the reply to another message."""
    assert faults(replace(WELL, pages=(*PAGES, Page(104, "answer-0001-00", 102)))) == [Violation.DOUBLED]


def test_a_message_that_an_agent_got_twice_is_doubled_unless_a_person_asked_for_it() -> None:
    """Retry and the repetition of a failed command ask for it."""
    twice = {**PROMPTS, "answer-0001-00": 2}
    assert faults(WELL, twice) == [Violation.DOUBLED]
    assert faults(WELL, twice, UserActions(retried={100: 1})) == []
    assert faults(WELL, twice, UserActions(repeated=Counter({"answer-0001-00": 1}))) == []


def test_a_request_that_retry_has_posted_may_be_retried_itself() -> None:
    """Its words are those of the first request, so that the agent gets them three times."""
    posted = replace(FIRST, message_id=105)
    pages = (*PAGES, Page(106, "answer-0001-00", 105))
    thread = replace(WELL, asked=(*WELL.asked, posted), pages=pages, rows={**ROWS, 105: ("answered", "end_turn")})
    thrice = {**PROMPTS, "answer-0001-00": 3}
    assert set(faults(thread, thrice, UserActions(retried={100: 1, 105: 0}))) == {Violation.DOUBLED}
    assert faults(thread, thrice, UserActions(retried={100: 1, 105: 1})) == []


def test_answers_in_another_order_than_their_questions_are_out_of_order() -> None:
    """A retried one may precede queued ones."""
    swapped = replace(WELL, pages=(Page(101, "answer-0001-01", 102), Page(103, "answer-0001-00", 100)))
    assert faults(swapped) == [Violation.ORDER]
    assert faults(swapped, actions=UserActions(retried={100: 1})) == []


@pytest.mark.parametrize(
    "content",
    [
        "answer-0001-01" + "x" * 2000,
        "answer-0001-01\n```python\nopen",
        "-# ⏳ Working…\nanswer-0001-01",
        "-# ⏳ All agents are busy. You are number 1 in line\nanswer-0001-01",
    ],
)
def test_a_malformed_page_is_wrong(content: str) -> None:
    """Cases: too long, an open fence, a remaining placeholder."""
    assert faults(replace(WELL, pages=(PAGES[0], Page(103, content, 102)))) == [Violation.PAGE]


def test_a_question_that_is_left_open_is_wrong() -> None:
    """Its buttons have no effect after the turn."""
    assert faults(replace(WELL, pages=(*PAGES, Page(104, "Permission needed", None, asks=True)))) == [Violation.PAGE]


@pytest.mark.parametrize(
    ("control", "alive"),
    [
        ("threadline:stop:100:102", ("prompted", "received")),
        ("threadline:stop:100", ("prompted", "received")),
        ("threadline:keep:100", ("prompted",)),
        ("threadline:continue:100", ("held", "received")),
        ("threadline:drop:100", ("held", "received")),
        ("threadline:now:100:102", ("held", "received")),
        ("threadline:unqueue:100:102", ("held", "received")),
        ("threadline:retry:102", ("prompted",)),
        ("threadline:skip:102", ("prompted",)),
    ],
)
def test_a_button_is_dead_unless_a_row_is_there_for_it(control: str, alive: tuple[str, ...]) -> None:
    """The row is of its message, or of any message in its thread."""
    shown = (*PAGES, Page(104, "press me", None, controls=(control,)))
    for state in ("received", "held", "prompted", "finished", "answered", "closed"):
        found = faults(replace(WELL, pages=shown, rows={**ROWS, 102: (state, None)}))
        assert (Violation.CONTROL in found) == (state not in alive), state


def test_a_queued_message_is_not_prompted_after_its_author_lost_the_right() -> None:
    """It needs no answer, like the person's messages without the right."""
    silenced = replace(SECOND, line=replace(SECOND.line, by=1))
    thread = replace(WELL, asked=(FIRST, silenced), pages=PAGES[:1], rows={**ROWS, 102: ("closed", "refused")})
    barred = UserActions(silenced={1}, barred={102})
    assert faults(thread, {"answer-0001-00": 1}, barred) == []
    assert faults(thread, PROMPTS, barred) == [Violation.RIGHT]
    asked_again = replace(barred, retried={102: 1})
    assert Violation.RIGHT not in faults(thread, PROMPTS, asked_again)
    assert faults(replace(thread, rows={100: ROWS[100]}), {"answer-0001-00": 1}, barred) == []
    assert faults(replace(thread, asked=WELL.asked), {"answer-0001-00": 1}, barred) == [Violation.LOST]


def test_a_notice_that_links_to_a_message_declares_how_it_ended() -> None:
    """It replaces a reply. A link to another message does not count."""
    notice = Page(104, "-# ⏹ Nobody chose about https://discord.com/channels/1/100/102, so it was left.")
    left = replace(WELL, pages=(PAGES[0], notice), rows={**ROWS, 102: ("closed", "skipped")})
    assert faults(left, actions=UserActions(harsh={1})) == []
    other = replace(notice, content=notice.content.replace("/102", "/1020"))
    assert faults(replace(left, pages=(PAGES[0], other)), actions=UserActions(harsh={1})) == [Violation.LOST]


def test_a_link_into_a_thread_is_not_a_link_to_its_first_message() -> None:
    """Every link contains the thread's id, which is that of the message."""
    notice = Page(104, "-# ⏹ I was restarted: https://discord.com/channels/1/100/102")
    later = replace(WELL, pages=(PAGES[0], notice), rows={**ROWS, 102: ("closed", "interrupted")})
    assert faults(later, actions=UserActions(harsh={1})) == []
    assert faults(later) == [Violation.LOST]


def test_a_long_answer_must_be_whole_and_in_order() -> None:
    """Its pages have every numbered line once."""
    long = replace(SECOND, line=replace(SECOND.line, code_lines=3))
    pages = ("line_1 = 1\nline_2 = 2", "line_3 = 3\nanswer-0001-01")
    whole = [Page(103 + number, content, 102) for number, content in enumerate(pages)]
    assert faults(replace(WELL, asked=(FIRST, long), pages=(PAGES[0], *whole))) == []
    file = Page(104, "", 102, attached="line_1 = 1\nline_2 = 2\nline_3 = 3")
    assert faults(replace(WELL, asked=(FIRST, long), pages=(*PAGES, file))) == []
    assert faults(replace(WELL, asked=(FIRST, long), pages=(*PAGES, replace(file, answers=100)))) == [Violation.PAGE]
    swapped = [Page(103 + number, content, 102) for number, content in enumerate(reversed(pages))]
    assert faults(replace(WELL, asked=(FIRST, long), pages=(PAGES[0], *swapped))) == [Violation.PAGE]


def test_merged_messages_have_one_reply() -> None:
    """The reply, of the last message, has the answers in order."""
    first = replace(FIRST, line=replace(FIRST.line, code_lines=2))
    second = replace(SECOND, line=replace(SECOND.line, code_lines=1))
    reply = "line_1 = 1\nline_2 = 2\nanswer-0001-00\nline_1 = 1\nanswer-0001-01"
    thread = replace(WELL, asked=(first, second), pages=(Page(103, reply, 102),), together={100: 102, 102: 102})
    assert faults(thread) == []
    assert faults(replace(thread, pages=(Page(103, reply.replace("line_2 = 2\n", ""), 102),))) == [Violation.PAGE]
    assert faults(thread, prompts=dict.fromkeys(PROMPTS, 2)) == [Violation.DOUBLED, Violation.DOUBLED]
    assert faults(thread, prompts=dict.fromkeys(PROMPTS, 2), actions=UserActions(retried={102: 1})) == []
    shown = Page(103, "answer-0001-00\nline_1 = 1\nanswer-0001-01", 102)
    behind = (shown, Page(104, "", 102, attached="line_1 = 1\nline_2 = 2"))
    assert faults(replace(thread, pages=behind)) == []
    swapped = reply.replace("line_1 = 1\nline_2 = 2", "line_2 = 2\nline_1 = 1")
    assert faults(replace(thread, pages=(Page(103, swapped, 102),))) == [Violation.PAGE]
    cancelled = {100: ("closed", "cancelled"), 102: ("closed", "cancelled")}
    declared = replace(thread, pages=(Page(103, "-# ⏹ Stopped by <@5>", 102),), rows=cancelled)
    assert faults(declared, actions=UserActions(harsh={1})) == []


def test_the_same_fault_found_again_after_a_later_round_is_the_same() -> None:
    """It is counted and waited for once."""
    assert Finding(Violation.PAGE, 1, THREAD_ID, "open fence") == Finding(Violation.PAGE, 9, THREAD_ID, "open fence")
