"""What a scene is."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bench.versus.stage import Stage


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene: a name for the command line, a title, what it checks, and a function that plays it.

    `play` decides the checks in `stage.verdicts` and adds figures. If it raises `Wrong`, AssertionError or
    TimeoutError, the undecided checks have failed. `threads` is how many threads it has at work at once, and `agent`
    are flags of the scripted agent.
    """

    name: str
    title: str
    checks: Sequence[str]
    play: Callable[[Stage], Awaitable[None]]
    threads: int = 1
    agent: Sequence[str] = ()
