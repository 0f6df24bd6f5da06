"""How much work something is, in calls: a number that no busy machine changes."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["calls"]


def calls(work: Callable[[], object]) -> int:
    """Do it, and return how many functions were called on the way, those written in C included."""
    count = 0

    def tell(_: FrameType, event: str, __: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(tell)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
