"""Tells early whether describing a request would take too long. Pure."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from bot.text.printable import is_visible

NODE = 50
LINE = 10
"""Characters that each value of a structure, and each line, counts in addition to its text: many of them take long."""

CODED = 20
"""Characters that each character counts in a text with invisible ones, which takes so much longer to escape."""


def exceeds(parts: Iterable[Any], most: int, *, coded: int = 1) -> bool:
    """Whether a description of `parts` takes more than about `most` characters.

    It is quick for any size, while describing ten megabytes may take seconds. `coded` is the count of each character
    in a text with invisible ones.
    """
    waiting = [*parts]
    while waiting and most >= 0:
        match waiting.pop():
            case str() as text:
                most -= len(text) * (1 if coded == 1 or is_visible(text) else coded) + LINE * text.count("\n")
            case dict() as named:
                waiting += [*named, *named.values()]
            case list() | tuple() as several:
                waiting += several
            case None | int() | float():
                pass
            case BaseModel() as model:  # Last, as this check is the slowest.
                waiting += [*vars(model).values(), model.model_extra]
        most -= NODE
    return most < 0
