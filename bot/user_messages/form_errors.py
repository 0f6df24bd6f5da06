"""Why an agent's form or page cannot be shown, and what is wrong with an entry. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.text.page_address import AddressFault

# ---- a form that is declined


def unknown_field(name: str) -> str:
    """Report a required field that Discord has no input for."""
    return f"its field {name!r} has an unknown type, or no choices"


def impossible_field(name: str) -> str:
    """Report a required field that contradicts itself."""
    return f"its field {name!r} accepts no value"


def undescribed_field(name: str) -> str:
    """Report a required field without a description."""
    return f"it requires {name!r}, which it does not describe"


def too_many_fields(count: int, most: int) -> str:
    """Report a form that would need too many steps."""
    return f"it has {count} fields; at most {most} can be shown"


def too_many_choices(count: int, most: int) -> str:
    """Report a form with longer lists than people can choose from."""
    return f"it has {count} choices; at most {most} can be shown"


# ---- a page that is declined

ADDRESSES: Final[Mapping[AddressFault, str]] = {
    AddressFault.UNSHOWABLE: "the address of its page cannot be shown",
    AddressFault.INVALID: "the address of its page is not valid",
    AddressFault.SCHEME: "its page does not use https",
    AddressFault.DECEPTIVE: "the address of its page hides where it leads",
}

# ---- an entry that is not valid: each follows the name of its field

EMPTY: Final = "must be filled in"
NOT_A_CHOICE: Final = "must be one of the choices"


def must_be(hint: str) -> str:
    """Say what the field accepts."""
    return f"must be {hint}"


def must_match(pattern: str) -> str:
    """Say which regular expression the field has."""
    return f"must match {pattern}"


def wrong_count(count: int, noun: str, bounds: str) -> str:
    """Report too many or too few lines, characters or choices."""
    return f"has {count} {noun}{'' if count == 1 else 's'}, but must have {bounds}"


def repeated(line: str) -> str:
    """Report a line that a list has more than once."""
    return f"has {line} twice"


def in_line(number: int, problem: object) -> str:
    """Report what is wrong with one line of a list."""
    return f"line {number} {problem}"


def ambiguous(count: int, entry: str) -> str:
    """Report an entry that several choices fit."""
    return f"has {count} choices named {entry}; enter the number of one, such as #2"


def no_such_choice(entry: str, similar: Sequence[str]) -> str:
    """Report an entry that is not a choice, and the choices that look like it."""
    hint = f". Similar: {', '.join(similar)}" if similar else ""
    return f"has no choice {entry}; the attached file lists all choices{hint}"
