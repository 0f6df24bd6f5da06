"""First text: the time from a person's message until the agent's text is visible, in a new thread and in a live one."""

import re
from typing import Final

from bench.statistics import Figure, percentile
from bench.versus.scene import Scene
from bench.versus.stage import Stage
from loopback import Message

EARLY: Final = "text is visible while the agent still works"

AGENTS: Final = re.compile(r"\b(FIRST|SECOND)\b")


async def _play(stage: Stage) -> None:
    rounds = stage.run.choose(6, 1)
    with stage.verdicts.judging(EARLY):
        await stage.begin("tell early\nuntil shown\ntell late", "early")
    stage.let_go("shown")
    if not stage.verdicts.has_passed(EARLY):
        return
    new, live = list[float](), list[float]()
    for number in range(rounds):
        stage.run.progress.step("first texts", number, rounds)
        await stage.pause()
        ended = f"ended{chr(ord('a') + number)}"
        talk = await stage.begin(f"tell first\nuntil {ended}", "first")
        new.append(delay(talk.first, await talk.sees("first")))
        stage.let_go(ended)
        await stage.pause()
        message = await talk.say(f"tell second\nuntil {ended}live")
        live.append(delay(message, await talk.sees("second", after=message)))
        stage.let_go(f"{ended}live")
    how = f"said -> the agent's text is visible; {rounds} rounds"
    stage.verdicts.figures += [
        Figure("new thread, p50", percentile(new, 50) * 1e3, "ms", how),
        Figure("live thread, p50", percentile(live, 50) * 1e3, "ms", how),
    ]


def delay(asked: Message, answer: Message) -> float:
    """Return the seconds from a message until text of the agent was first in the answer."""
    said, _ = asked.history[0]
    return next(at for at, text in answer.history if AGENTS.search(text)) - said


SCENE: Final = Scene("first-text", "First text", (EARLY,), _play)
