"""The scripted agent's grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.agent.canned_replies import find_reply
from loopback.agent.directives import DIRECTIVES
from loopback.agent.script import GRAMMAR, Directive, help_text, read_line, read_script


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("say hello there", Directive("say", {"text": "hello there"})),
        ("  SAY Hello", Directive("say", {"text": "Hello"})),
        ("echo", Directive("echo")),
        ("stream 12", Directive("stream", {"count": "12"})),
        ("stream 12 0.5", Directive("stream", {"count": "12", "rate": "0.5"})),
        ("ask execute rm -rf build", Directive("ask", {"kind": "execute", "title": "rm -rf build"})),
        ("hang", Directive("hang")),
        ("hang deaf", Directive("hang", {"deaf": "deaf"})),
        ("child setsid", Directive("child", {"setsid": "setsid"})),
        ("child deaf setsid", Directive("child", {"deaf": "deaf", "setsid": "setsid"})),
        ("error -32000 log in first", Directive("error", {"code": "-32000", "message": "log in first"})),
        ("/plan a | b", Directive("plan", {"steps": "a | b"})),
    ],
)
def test_a_line_that_fits_the_grammar_is_a_directive(line: str, expected: Directive) -> None:
    """The first word, in any case, selects the pattern for the rest."""
    assert read_line(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",
        "stop doing that",
        "hang on a second",
        "stream it",
        "ask ben whether",
        "code review please",
        "/say x",
    ],
)
def test_another_line_is_plain_text(line: str) -> None:
    """This includes a sentence that begins with a directive's word."""
    assert read_line(line) is None


def test_directives_are_found_among_plain_lines_in_order() -> None:
    """Other lines are skipped."""
    script = read_script(["Please do this:", "say one", "and then", "say two"])
    assert [directive.text("text") for directive in script] == ["one", "two"]


def test_every_directive_has_a_function_and_a_line_of_help() -> None:
    """The grammar, the functions and the help have the same words."""
    assert set(DIRECTIVES) == set(GRAMMAR)
    assert [line.split()[0] for line in help_text().splitlines()] == list(GRAMMAR)


@given(st.text())
def test_any_line_is_read_without_an_error(line: str) -> None:
    """The result is a directive of the grammar or None."""
    directive = read_line(line)
    assert directive is None or directive.word in GRAMMAR


def test_a_plain_request_has_a_canned_reply() -> None:
    """Replies are found by their keywords, and have only known directives."""
    story = find_reply("Can you explain how our RETRY logic works?")
    assert story is not None
    assert {directive.word for directive in story} <= set(DIRECTIVES)
    assert find_reply("good morning") is None


def test_a_canned_plan_is_ticked_as_its_work_is_done() -> None:
    """There is work before each tick, and a tick for each step."""
    words = [directive.word for directive in find_reply("please fix the test") or ()]
    begin = words.index("plan")
    assert words.count("tick") == 3
    assert all(words[at - 1] not in ("plan", "tick") for at in range(begin, len(words)) if words[at] == "tick")
