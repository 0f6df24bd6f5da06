"""The bot's process: what it keeps out of garbage collections, tested in a process of its own."""

import subprocess
import sys

SPARING = """
import gc
from bot.operations import own_process

class Thing:
    def __init__(self):
        self.itself = self

own_process.MOST_SPARED = {most}
own_process.spare_collector()
"""


def told_by(program: str, *, most: int = 10**6) -> list[str]:
    """Run a program behind the code above, with this many objects spared; return its lines."""
    argv = [sys.executable, "-c", SPARING.format(most=most) + program]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_survivors_of_a_full_collection_are_spared_by_the_next() -> None:
    """With a thousand conversations each collection would hold the event loop for 100 ms."""
    program = """
things = [Thing() for _ in range(5_000)]
gc.collect()
print(any(isinstance(each, Thing) for each in gc.get_objects()))
"""
    assert told_by(program) == ["False"]


def test_a_full_collection_comes_before_many_objects_are_new() -> None:
    """So it stays short, however many objects there are."""
    program = """
found, things = [], []
gc.callbacks.insert(0, lambda phase, info: found.append(len(gc.get_objects())) if info["generation"] == 2 else None)
while len(found) < 20:
    things.append([Thing()])
print(max(found) < 60_000)
"""
    assert told_by(program) == ["True"]


def test_garbage_among_spared_objects_is_freed_when_they_are_many() -> None:
    """Only a look at all objects finds a cycle; memory stays bounded."""
    program = """
import weakref
kept = Thing()
gone = weakref.finalize(kept, print, "gone")
gc.collect()
del kept
for _ in range(20):
    gc.collect()
print("spared")
things = [Thing() for _ in range(15_000)]
for _ in range(20):
    gc.collect()
print("all looked at")
"""
    assert told_by(program, most=10_000) == ["spared", "gone", "all looked at"]
