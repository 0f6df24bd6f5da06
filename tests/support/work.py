"""How much work something is: counted, for a clock judges the machine with what else it does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Calls", "counting"]


class Calls:
    """How many functions were called, those written in C included."""

    count = 0


@contextmanager
def counting() -> Iterator[Calls]:
    """Count the calls that are made in this thread while the block lasts."""
    calls = Calls()

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            calls.count += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(before)
