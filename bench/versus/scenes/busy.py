"""Five messages while the agent is busy: each is answered, in order, once."""

import asyncio
import re
from typing import Final

from bench.versus.scene import Scene
from bench.versus.stage import Stage
from bench.versus.verdicts import demand

ANSWERED: Final = "each of five messages during a turn is answered"
ONCE: Final = "once"
ORDER: Final = "in order"

TAGS: Final = ("alpha", "bravo", "charlie", "delta", "echo")
TYPED_SECONDS: Final = 0.25
"""Seconds between two messages. No person is faster, and a bot may handle messages of one instant side by side."""

SPOKEN: Final = re.compile(rf"\b({'|'.join(TAGS).upper()})\b")


async def _play(stage: Stage) -> None:
    talk = await stage.begin("tell begun\nuntil asked\ntell ended", "begun")
    for tag in TAGS:
        await talk.say(f"tell {tag}")
        await asyncio.sleep(TYPED_SECONDS)
    stage.let_go("asked")
    with stage.verdicts.judging(ANSWERED):
        for tag in TAGS:
            await talk.sees(tag)
    last = await talk.say("tell last")
    await talk.sees("last", after=last)
    found = [each.lower() for each in SPOKEN.findall(talk.text())]
    with stage.verdicts.judging(ONCE):
        demand(len(found) == len(set(found)), f"visible answers: {found}")
        twice = [tag for tag in TAGS if stage.told(tag) > 1]
        demand(not twice, f"told to the agent more than once: {twice}")
    with stage.verdicts.judging(ORDER):
        demand(found == sorted(found), f"visible answers: {found}")


SCENE: Final = Scene("busy", "Five messages while busy", (ANSWERED, ONCE, ORDER), _play)
