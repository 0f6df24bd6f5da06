"""Counts function calls, including those into C: a measure of work that the machine's load does not change."""

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Self


class CallCounter:
    """Counts in `count` the calls that this thread makes inside the block."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        gc.disable()  # Its callbacks would be counted, whenever it happens to run.
        self._before = sys.getprofile()
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)
        gc.enable()

    def _note(self, _frame: FrameType, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            self.count += 1


def calls(work: Callable[[], object]) -> int:
    """Do the work and return how many calls it made."""
    with CallCounter() as counted:
        work()
    return counted.count
