"""A form's schema and people's entries: valid ones, invalid ones, and the messages about them."""

from typing import Any

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.questions import form_values
from bot.questions.form_schema import (
    MENU_CHOICES,
    MOST_CHOICES,
    MOST_FIELDS,
    Choice,
    Entered,
    Field,
    UnusableForm,
    fields_of,
)
from bot.questions.form_values import InvalidValue, parse_value
from bot.questions.modal import FormModal, describe_field

Json = dict[str, Any]


def only(written: Json, *, required: bool = False) -> Field:
    """Return the only field of a form."""
    schema = {"properties": {"f": written}, "required": ["f"] if required else []}
    (field,) = fields_of(schema)
    return field


TEXT, INTEGER, NUMBER, BOOLEAN = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
ONE: Json = {"type": "string", "oneOf": [{"const": "r", "title": "Red"}, {"const": "g", "title": "Green"}]}
PLAIN: Json = {"type": "string", "enum": ["r", "g"]}
MANY: Json = {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "enum": ["a", "b", "c"]}}
TITLED: Json = {"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]}}
LONG: Json = {"type": "string", "enum": [f"c{number}" for number in range(MENU_CHOICES + 1)]}
SAME: Json = {
    "type": "string",
    "oneOf": [{"const": f"v{number}", "title": "Same"} for number in range(MENU_CHOICES + 1)],
}
TEXTS: Json = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}
SHORT: Json = {"type": "array", "items": {"type": "string", "minLength": 2, "format": "email"}, "uniqueItems": True}
_CITIES = {
    "ny": "New York, USA",
    "p": "Paris",
    "r": "Rome",
    **{f"x{number}": "Xanten" for number in range(MENU_CHOICES)},
}
WORDY: Json = {"type": "array", "items": {"anyOf": [{"const": key, "title": name} for key, name in _CITIES.items()]}}

FITS: list[tuple[Json, Any, Any]] = [
    (TEXT, "any text ", "any text "),
    (TEXT | {"minLength": 2, "maxLength": 3}, "abc", "abc"),
    (TEXT | {"format": "email"}, " ada@example.org ", "ada@example.org"),
    (TEXT | {"format": "uri"}, "https://example.org/a?b", "https://example.org/a?b"),
    (TEXT | {"format": "date"}, "2025-12-31", "2025-12-31"),
    (TEXT | {"format": "date-time"}, "2025-12-31T18:00:00Z", "2025-12-31T18:00:00Z"),
    (TEXT | {"format": "date-time"}, "2025-12-31T18:00:00+02:00", "2025-12-31T18:00:00+02:00"),
    (TEXT | {"format": "invented"}, "x", "x"),
    (INTEGER, " -12 ", -12),
    (INTEGER | {"minimum": 1, "maximum": 3}, "3", 3),
    (NUMBER, "1.5e3", 1500.0),
    (NUMBER | {"maximum": 0.5}, ".5", 0.5),
    (BOOLEAN, ["0"], True),
    (BOOLEAN, ["1"], False),
    (ONE, ["1"], "g"),
    (PLAIN, ["0"], "r"),
    (MANY, ["2", "0"], ["c", "a"]),
    (TITLED, ["1", "1"], ["b"]),
    (LONG, "C25", "c25"),
    (LONG | {"enumNames": ["One", "Two", 3]}, " two ", "c1"),
    (LONG | {"enumNames": [*"abcdef"]}, "c3", "c3"),
    (WORDY, "New York, USA\nParis, Rome", ["ny", "p", "r"]),
    (SAME, "v7", "v7"),
    (SAME, " #8 ", "v7"),
    (WORDY, "#2, #1", ["p", "ny"]),
    ({"type": ["null", "integer"]}, "5", 5),
    ({"enum": ["a", "b"]}, ["1"], "b"),
    (TEXT | {"anyOf": [{"const": "a"}], "enum": ["x"]}, ["0"], "a"),
    (TEXT | {"oneOf": None, "enum": ["x"]}, ["0"], "x"),
    ({"type": "array", "items": {"oneOf": [{"const": "a", "title": "A"}]}}, ["0"], ["a"]),
    (TITLED, "b, A", ["b", "a"]),
    (TEXTS, " one \n\n two, three ", ["one", "two, three"]),
    (TEXTS, "same\nsame", ["same", "same"]),
    (SHORT, "ada@example.org\n ben@example.org", ["ada@example.org", "ben@example.org"]),
    ({"type": "array"}, "x", ["x"]),
    (SHORT, "", None),
    (TEXT, "", None),
    (INTEGER, "  ", None),
    (MANY, [], None),
    (ONE, None, None),
]


@pytest.mark.parametrize(("written", "given_", "value"), FITS)
def test_a_valid_entry_becomes_the_value_that_the_agent_asked_for(written: Json, given_: Any, value: Any) -> None:
    """That covers every kind and format; an empty optional field has no value."""
    assert parse_value(only(written), given_) == value


WRONG: list[tuple[Json, Any, str]] = [
    (TEXT | {"minLength": 2}, "a", "has 1 character, but must have at least 2"),
    (TEXT | {"maxLength": 2}, "abc", "has 3 characters, but must have at most 2"),
    (TEXT | {"minLength": 2, "maxLength": 2}, "abc", "has 3 characters, but must have 2"),
    (TEXT | {"format": "email"}, "ada", "must be an address like ada@example.org"),
    (TEXT | {"format": "uri"}, "no address", "must be an address like https://example.org/"),
    (TEXT | {"format": "uri"}, "http://[", "must be an address like https://example.org/"),
    (TEXT | {"format": "date"}, "2025-02-30", "must be a date like 2025-12-31"),
    (TEXT | {"format": "date"}, "20251231", "must be a date like 2025-12-31"),
    (
        TEXT | {"format": "date-time"},
        "2025-12-31T18:00:00",
        "must be a time with its zone, like 2025-12-31T18:00:00Z",
    ),
    (TEXT | {"format": "date-time"}, "now", "must be a time with its zone, like 2025-12-31T18:00:00Z"),
    (INTEGER, "1.5", "must be a whole number"),
    (INTEGER, "1_000", "must be a whole number"),
    (INTEGER, "9223372036854775808", "must be a whole number"),
    (INTEGER | {"minimum": 1, "maximum": 120}, "200", "must be a whole number, 1 to 120"),
    (NUMBER, "much", "must be a number"),
    (NUMBER, "nan", "must be a number"),
    (NUMBER, "1e999", "must be a number"),
    (NUMBER | {"minimum": 0.5}, "0.25", "must be a number, at least 0.5"),
    (ONE, ["7"], "must be one of the choices"),
    (ONE, ["0", "1"], "must be one of the choices"),
    (MANY, ["0", "1", "2"], "has 3 choices, but must have 1 to 2"),
    (TEXTS, "a\nb\nc\nd", "has 4 lines, but must have 1 to 3"),
    (TEXTS | {"minItems": 2}, "a", "has 1 line, but must have 2 to 3"),
    (SHORT, "ada@example.org\nben", "line 2 must be an address like ada@example.org"),
    (SHORT, "a@example.org\na@example.org", "has 'a@example.org' twice"),
    (LONG, "c99", "has no choice 'c99'; the attached file lists all choices"),
    (LONG, "2" * 99, f"has no choice '{'2' * 50}…'; the attached file lists all choices"),
    (LONG, "1\n5", "has no choice '1 5'; the attached file lists all choices"),
    (WORDY, "york", "has no choice 'york'; the attached file lists all choices. Similar: 'New York, USA'"),
    (WORDY, "Rome, Atlantis", "has no choice 'Atlantis'; the attached file lists all choices"),
    (SAME, "same", "has 26 choices named 'same'; enter the number of one, such as #2"),
    (SAME, "#0", "has no choice '#0'; the attached file lists all choices"),
    (SAME, "#27", "has no choice '#27'; the attached file lists all choices"),
]


@pytest.mark.parametrize(("written", "given_", "word"), WRONG)
def test_an_invalid_entry_is_reported_with_the_valid_ones(written: Json, given_: Any, word: str) -> None:
    """The person can correct it."""
    with pytest.raises(InvalidValue) as caught:
        parse_value(only(written), given_)
    assert str(caught.value) == word


@pytest.mark.parametrize("written", [TEXT, INTEGER, BOOLEAN, ONE, MANY, LONG, TEXTS])
def test_a_required_field_is_filled_in(written: Json) -> None:
    """An empty entry is no answer, except for a list that may be empty."""
    empty: tuple[Entered, ...] = ("", "  ", [], None)
    for nothing in empty:
        with pytest.raises(InvalidValue, match="must be filled in"):
            parse_value(only(written, required=True), nothing)
    assert parse_value(only(TITLED, required=True), []) == []
    assert parse_value(only(SHORT, required=True), "\n ") == []


UNKNOWN: list[Any] = [
    *(
        {"type": "_vendor"},
        "text",
        {"type": "array", "items": {"type": "integer"}},
        {"type": ["null"]},
        {"type": []},
        {},
    ),
    *(TEXT | {"enum": []}, TEXT | {"oneOf": [1, {"const": 2}]}, {"type": "array", "items": {"enum": []}}),
]
IMPOSSIBLE: list[Any] = [
    TEXT | {"minLength": 4001},
    TEXT | {"minLength": 3, "maxLength": 2},
    INTEGER | {"minimum": 2, "maximum": 1},
    TITLED | {"minItems": 3},
    MANY | {"minItems": 2, "maxItems": 1},
    TEXTS | {"minItems": 2001},
    TEXTS | {"items": {"type": "string", "minLength": 4001}},
]
UNUSABLE: list[tuple[Json, str]] = [
    *(({"f": written}, "its field 'f' has an unknown type, or no choices") for written in UNKNOWN),
    *(({"f": written}, "its field 'f' accepts no value") for written in IMPOSSIBLE),
    ({"g": TEXT}, "it requires 'f', which it does not describe"),
    (
        {"f": TEXT} | {str(n): TEXT for n in range(MOST_FIELDS)},
        f"it has {MOST_FIELDS + 1} fields; at most {MOST_FIELDS} can be shown",
    ),
    (
        {"f": {"enum": [str(n) for n in range(MOST_CHOICES)]}, "g": {"enum": ["a"]}},
        f"it has {MOST_CHOICES + 1} choices; at most {MOST_CHOICES} can be shown",
    ),
]


@pytest.mark.parametrize(("properties", "reason"), UNUSABLE)
def test_a_form_that_cannot_be_filled_in_is_recognized(properties: Json, reason: str) -> None:
    """The error has the reason; an optional field of an unknown kind is only left out."""
    with pytest.raises(UnusableForm) as caught:
        fields_of({"properties": properties, "required": ["f"]})
    assert str(caught.value) == reason


def test_many_typed_choices_take_one_look_at_each_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of typed names of thousands of choices held the loop for seconds."""
    looked: list[str] = []
    plain = form_values._plain

    def look(text: str) -> str:
        looked.append(text)
        return plain(text)

    monkeypatch.setattr(form_values, "_plain", look)
    count = 300
    field = only({"type": "array", "items": {"enum": [f"V{n}" for n in range(count)]}})
    names = [f"v{n}" for n in range(count)]
    assert parse_value(field, ",".join(names)) == [name.upper() for name in names]
    assert len(looked) <= 4 * count


def test_a_default_of_many_choices_takes_one_look_at_each_choice() -> None:
    """Thousands of defaults among thousands of choices held the loop for a second."""
    compared = 0

    class Counted(str):
        """A text that counts comparisons."""

        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    count = 300
    choices = tuple(Choice(f"V{n}", f"V{n}") for n in range(count))
    default: Any = [Counted(f"{'V' if n % 2 else 'W'}{n}") for n in range(count)]
    modal = FormModal("id", "Title", (Field("f", "F", "many", choices=choices, default=default),), {})
    assert "V1, V3" in str(modal.to_dict())
    assert compared <= count


def test_malformed_values_count_as_missing() -> None:
    """A schema is untrusted."""
    written: Json = {
        "type": "string",
        "title": 5,
        "minLength": "x",
        "maxLength": float("nan"),
        "oneOf": 1,
        "enumNames": 2,
    }
    assert only(written) == Field("f", "f", "text")
    assert only(PLAIN | {"enum": ["a", 5, None]}).choices == (Choice("a", "a"),)
    assert fields_of({"properties": {"f": {"type": "_vendor"}, "g": TEXT | {"enum": []}}}) == ()
    assert fields_of({"properties": []}) == fields_of({}) == fields_of({"required": 5}) == ()


# ---- as Discord shows them

texts = st.text(max_size=150) | st.sampled_from(["\u202e" * 60, "x" * 4_100, "", " "])
bounds = st.none() | st.integers(-5, 9_000) | st.floats() | texts
options = st.lists(
    st.fixed_dictionaries({"const": texts}, optional={"title": texts, "description": texts}), max_size=30
)
properties = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "number", "boolean", "array", "else"])},
    optional={
        "title": texts,
        "description": texts,
        "format": st.sampled_from(["email", "uri", "date", "date-time", "x"]),
        "oneOf": options,
        "enum": st.lists(texts, max_size=30),
        "items": st.fixed_dictionaries(
            {}, optional={"type": st.just("string"), "enum": st.lists(texts, max_size=30), "anyOf": options}
        ),
        "default": st.none() | texts | st.booleans() | st.integers() | st.lists(texts, max_size=3),
        **dict.fromkeys(("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"), bounds),
    },
)


@pytest.mark.virtual_time
@given(st.dictionaries(texts, properties, min_size=1, max_size=5), st.booleans())
async def test_discord_accepts_the_form_of_any_schema(schema: Json, required: bool) -> None:  # noqa: FBT001 - as hypothesis calls it
    """Labels, descriptions, options, bounds and earlier entries are within Discord's limits."""
    try:
        fields = fields_of({"properties": schema, "required": list(schema) if required else []})
    except UnusableForm:
        return
    for given_ in ({}, {field.name: ["0"] if field.listed else "entered" for field in fields}):
        for row in FormModal("threadline:form:0:0", "The agent asks", fields, given_).to_dict()["components"]:
            assert 0 < len(row["label"]) <= 45
            assert len(row.get("description") or "") <= 100
            part = row["component"]
            if part["type"] == discord.ComponentType.text_input.value:
                assert 0 <= part.get("min_length", 0) <= part["max_length"] <= 4000
                assert len(part.get("value") or "") <= part["max_length"]
                assert len(part.get("placeholder") or "") <= 100
            else:
                assert 1 <= len(part["options"]) <= 25
                assert 0 <= part["min_values"] <= part["max_values"] <= len(part["options"])
                assert sum(each.get("default", False) for each in part["options"]) <= part["max_values"]
                for each in part["options"]:
                    assert 0 < len(each["label"]) <= 100
                    assert len(each.get("description") or "") <= 100


CUT: list[Json] = [
    TEXT | {"title": "t" * 46},
    TEXT | {"description": "d" * 80, "minLength": 2, "maxLength": 3000},
    PLAIN | {"enum": ["e" * 101]},
    {"type": "string", "oneOf": [{"const": "a", "title": "A", "description": "d" * 101}]},
    LONG,
]


@pytest.mark.parametrize("cut", CUT)
def test_a_field_that_a_form_cannot_show_in_full_is_known(cut: Json) -> None:
    """It is then shown elsewhere in full, with invisible characters escaped."""
    assert not FormModal.holds(only(cut))
    assert all(FormModal.holds(only(each)) for each in (TEXT, PLAIN, ONE, MANY, BOOLEAN, TEXT | {"title": "t" * 45}))
    field = Field(
        "f", "Wh\u202ech\none", "one", required=True, choices=(Choice("v" * 200, "V", "a\nb"), Choice("w", "W"))
    )
    assert describe_field(field) == "Wh\\u{202e}ch one (required)\n  #1 V a b\n  #2 W"


def test_the_hint_of_a_menu_has_no_commas_and_a_long_list_says_where_it_is() -> None:
    """The hint depends on whether the value is chosen or typed."""
    few, many = (
        Field("x", "X", "many", choices=tuple(Choice(str(n), str(n)) for n in range(count))) for count in (3, 60)
    )
    assert few.hint == ""
    assert only(TEXTS).hint == "one per line, 1 to 3"
    assert only(SHORT).hint == "one per line, each an address like ada@example.org"
    assert many.hint == "separated by commas, from the 60 choices in the attached file"
    assert Field("x", "X", "one", choices=many.choices).hint == "from the 60 choices in the attached file"
