"""Secrets are redacted in an agent's output, in every field and across pieces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp import (
    Elicitation,
    Event,
    Question,
    Skipped,
    Subagent,
    SubagentToolCall,
    Text,
    Thought,
    Unreadable,
    Withdrawn,
)
from acp.defects import Invalid, NotJson
from acp.schema import Diff, ImageBlock, PermissionOption, Plan, PlanEntry, ToolCall, ToolCallUpdate
from bot.conversation.thread_names import thread_name
from bot.questions.form_schema import fields_of
from bot.questions.modal import describe_field
from bot.text.redaction import MARK, Redactor, StreamRedactor, redact_tokens, redact_value
from tests.support.call_count import calls

SECRET = "sk-1234567890abcdef"
OTHER = "hunter2-hunter2"
ODD = ['", 12345', "nabcdef", '\\"\\"\\"', "123456", "\u0001\u0002é\u2028\U0001f600"]
"""Secrets that JSON escapes, or whose beginning could be part of an escape."""
PIECES = [*ODD, *(f"\\{each}" for each in ODD), *(f"\n{each[1:]}" for each in ODD), "q\\", "x"]


def told(pieces: list[Event]) -> list[Event]:
    """Return the redacted events of one turn."""
    redacting = StreamRedactor(Redactor([SECRET, OTHER]))
    shown = [each for piece in pieces for each in redacting.take(piece)]
    return [*shown, *redacting.rest()]


def text(events: list[Event]) -> str:
    """Return the text of the answer."""
    return "".join(each.text for each in events if isinstance(each, Text))


@given(st.lists(st.sampled_from([SECRET, OTHER, "sk-", "hunter2", "so it is ", "1"]), max_size=6), st.data())
def test_a_secret_is_redacted_across_any_cuts(words: list[str], data: st.DataObject) -> None:
    """Cut at any place, no secret is shown; text without one stays unchanged."""
    whole = "".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces: list[Event] = [Text(whole[a:b]) for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    shown = text(told(pieces))
    assert SECRET not in shown
    assert OTHER not in shown
    if SECRET not in whole and OTHER not in whole:
        assert shown == whole


def test_a_secret_is_known_as_python_and_json_write_it() -> None:
    """With quotes, backslashes and non-ASCII letters."""
    secret = 'quotes" and \\ and é'
    redact = Redactor([secret])
    for form in (secret, repr(secret), ascii(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        assert redact(f"<{form}>").strip("<>'\"") == MARK


def test_a_long_text_is_searched_for_one_secret_after_the_other() -> None:
    """Trying all of them at each character takes ten times as long: 0.6 s for ten megabytes."""
    redact = Redactor([SECRET, OTHER, f"{SECRET}-longer"])
    long = "s" * 5_000
    assert calls(lambda: redact(f"{long}{OTHER}{SECRET}-longer{long}{SECRET}")) < 10
    assert redact(f"{long}{OTHER}{SECRET}-longer{long}{SECRET}") == f"{long}{MARK}{MARK}{long}{MARK}"
    assert redact(long) is long


def test_the_beginning_of_a_secret_is_held_back_until_it_is_none() -> None:
    """It is shown as soon as the text continues otherwise, or ends."""
    redacting = StreamRedactor(Redactor([SECRET]))
    assert list(redacting.take(Text(f"the key {SECRET[:10]}"))) == [Text("the key ")]
    assert list(redacting.take(Text("!"))) == [Text(f"{SECRET[:10]}!")]
    assert list(redacting.take(Text(SECRET[:10]))) == []
    assert list(redacting.take(Text(SECRET[10:]))) == [Text(MARK)]
    assert list(redacting.take(Text(SECRET[:10]))) == []
    assert list(redacting.rest()) == [Text(SECRET[:10])]
    assert list(redacting.rest()) == []


def test_other_events_keep_their_place_behind_what_was_held_back() -> None:
    """Text, thought, tool call: in that order, also where a secret seems to begin."""
    call = ToolCall(tool_call_id="1", title="look")
    held = f"x {SECRET[:8]}"
    assert told([Text(held), Thought(held), call]) == [
        Text("x "), Text(SECRET[:8]), Thought("x "), Thought(SECRET[:8]), call,
    ]  # fmt: skip


def test_what_a_subagent_does_does_not_show_the_beginning_of_a_secret() -> None:
    """It works beside the agent, whose next words may complete it."""
    subagent = Subagent("a", 1, "researcher")
    call = SubagentToolCall(subagent, ToolCall(tool_call_id="1", title="look"))
    words: list[Event] = [Text(f"x {SECRET[:8]}"), subagent, call, Text(SECRET[8:])]
    assert told(words) == [Text("x "), subagent, call, Text(MARK)]


def test_letters_that_begin_many_words_are_not_held_back() -> None:
    """Three characters reveal little, and a reply that stops there would look cut off."""
    assert list(StreamRedactor(Redactor([SECRET])).take(Text("ask sk-"))) == [Text("ask sk-")]


@pytest.mark.parametrize(
    "event",
    [
        ToolCall(tool_call_id="1", title=f"curl -H {SECRET}", raw_input={"command": ["curl", SECRET], SECRET: 1}),
        ToolCallUpdate(tool_call_id="1", content=[Diff(path="a", old_text=None, new_text=f"KEY={SECRET}\n")]),
        ToolCallUpdate.model_validate({"toolCallId": "1", "vendor": {"deep": [SECRET]}}),
        Plan(entries=[PlanEntry(content=f"use {SECRET}")]),
        Question(
            1,
            ToolCallUpdate(tool_call_id="1", title=SECRET),
            (PermissionOption(option_id="x", name=f"Use {SECRET}", kind="allow_once"),),
        ),
        Elicitation(1, "form", f"Is it {SECRET}?", {}),
        Unreadable(Invalid(f"no {SECRET}")),
        Skipped(NotJson(f"no {SECRET}")),
        Subagent("a", 1, f"the {SECRET}"),
        Subagent("a", 1, "", f"find {SECRET}"),
        Subagent("a", 1, reason=f"no {SECRET}"),
        Subagent("a", 1, cwd=f"/srv/{SECRET}"),
        SubagentToolCall(Subagent("a", 1, SECRET), ToolCall(tool_call_id="1", title=f"curl {SECRET}")),
        Question(1, ToolCallUpdate(tool_call_id="1"), (), subagent=Subagent("a", 1, SECRET)),
        Elicitation(1, "form", "Which?", {}, subagent=Subagent("a", 1, SECRET)),
        ToolCall(tool_call_id="1", raw_input=[[{"a": [1, "x" * 2000 + SECRET]}], {f"{SECRET}-1": [2]}]),
    ],
    ids=repr,
)
def test_every_kind_of_event_is_redacted(event: Event) -> None:
    """In titles, inputs, keys, diffs, unknown fields, options and questions."""
    (shown,) = told([event])
    assert SECRET not in repr(shown)
    assert MARK in repr(shown)


def test_a_form_is_shown_without_and_answered_with_what_it_asked_for() -> None:
    """Titles, descriptions and labels are redacted; names and values of fields stay the agent's own."""
    plain = {"type": "string", "title": f"Use {SECRET}?", "enum": [SECRET, "none"]}
    titled = {"type": "array", "items": {"anyOf": [{"const": SECRET, "title": SECRET}]}}
    schema = {"description": SECRET, "properties": {"title": plain, "b": titled}, "required": ["title"]}
    (shown,) = told([Elicitation(1, "form", "Which?", schema)])
    assert isinstance(shown, Elicitation)
    fields = fields_of(shown.schema)
    assert SECRET not in "".join(map(describe_field, fields))
    assert [[choice.value for choice in field.choices] for field in fields] == [[SECRET, "none"], [SECRET]]
    assert fields[0].choices[0].title == MARK
    assert shown.schema["description"] == MARK


def test_what_an_agent_is_answered_with_stays_as_it_is() -> None:
    """An option's id returns to the agent unchanged."""
    option = PermissionOption(option_id=SECRET, name="Yes", kind="allow_once")
    (shown,) = told([Question(1, ToolCallUpdate(tool_call_id="1"), (option,))])
    assert isinstance(shown, Question)
    assert shown.options == (option,)


def test_a_value_without_a_secret_is_the_same_object() -> None:
    """No needless copy."""
    call = ToolCall(tool_call_id="1", title="look", raw_input={"a": [1, None, True, b"x"]})
    assert redact_value(call, Redactor([SECRET])) is call
    assert told([Withdrawn(3)]) == [Withdrawn(3)]


def test_each_value_is_looked_at_once_however_deep_it_is() -> None:
    """An agent may send tens of thousands of them on a line, nested or in a row."""

    def looks(wide: int, deep: int, inner: Any) -> int:
        for _ in range(deep):
            inner = [inner]
        call = ToolCallUpdate(tool_call_id="1", raw_input={"rows": [inner] * wide})
        assert redact_value(call, redact) is call
        return calls(lambda: redact_value(call, redact))

    redact = Redactor([SECRET, OTHER])
    few = looks(100, 1, {"name": "x"})
    assert looks(200, 1, {"name": "x"}) < 2 * few + 1
    assert few < 100 * 10
    assert looks(100, 101, 1) - looks(100, 1, 1) <= 100 * 100 * 4


def test_a_secret_costs_no_look_at_each_value() -> None:
    """A line may have thousands of nested values: copying every parent of a secret took too long."""

    def looks(deep: int) -> int:
        inner: Any = f"a {SECRET}"
        for _ in range(deep):
            inner = [inner]
        call = ToolCallUpdate(tool_call_id="1", raw_input={"rows": [inner] * 100})
        return calls(lambda: redact_value(call, redact))

    redact = Redactor([SECRET, OTHER])
    assert looks(100) < looks(1) + 1_000  # Of ten thousand values.


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(PIECES) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(PIECES) | st.text(), inner),
        max_leaves=10,
    )
)
def test_values_come_without_secrets_as_if_each_was_looked_at(value: Any) -> None:
    """Also where a secret ends like an escape, begins with its middle, or is a number."""

    def expected(value: Any) -> Any:
        match value:
            case str():
                return redact(value)
            case list():
                return [expected(each) for each in value]
            case dict():
                return {redact(name): expected(each) for name, each in value.items()}
            case _:
                return value

    redact = Redactor(ODD)
    shown = redact_value(ToolCallUpdate(tool_call_id="1", raw_input=[value]), redact)
    assert shown.raw_input == expected([value])


def test_data_of_an_image_is_not_searched() -> None:
    """The data of an image, which may be megabytes."""
    image = ImageBlock(data=SECRET, mime_type=f"image/{SECRET}")
    shown = redact_value(image, Redactor([SECRET]))
    assert (shown.data, shown.mime_type) == (SECRET, f"image/{MARK}")


def test_without_secrets_nothing_changes() -> None:
    """The empty pattern never matches."""
    assert Redactor([])(f"a {SECRET}") == f"a {SECRET}"
    assert Redactor([]).begun(SECRET[:8]) == 0


@pytest.mark.parametrize(
    "token",
    [
        "sk-" + "ant-api03-" + "a1B2" * 8,
        "gh" + "p_" + "a1B2" * 9,
        "github" + "_pat_" + "a1B2" * 8,
        "xox" + "b-1234567890-abcdef",
        "AK" + "IA" + "ABCD1234" * 2,
        "AI" + "za" + "a1B2" * 8,
        "M" + "TA5" * 8 + ".GabcdE." + "a1B2" * 8,
        "ey" + "JhbGciOiJI.ey" + "JzdWIiOiIx.c2lnbmF0dXJl",
    ],
)
def test_a_token_is_taken_out_of_words(token: str) -> None:
    """In any place; a thread's name has a wider audience than its request."""
    assert redact_tokens(f"use {token}, please") == "use [secret], please"
    assert thread_name(f"key={token} is mine") == "key=[secret] is mine"


@pytest.mark.parametrize(
    "text", ["task-force-one-and-the-other-one-too", "sk-learn", "the commit 0123456789abcdef0123456789abcdef01234567"]
)
def test_words_stay(text: str) -> None:
    """Words that only begin like a token, or are as long as one."""
    assert redact_tokens(text) == text
