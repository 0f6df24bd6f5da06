"""The agent dies in the middle of an answer."""

import re
from typing import Final

from bench.versus.scene import Scene
from bench.versus.stage import Stage, Talk, spoken
from bench.versus.verdicts import demand
from loopback import Message

KEPT: Final = "what the agent had said stays visible"
TOLD: Final = "people are told"
NEXT: Final = "the next message is answered"


async def _play(stage: Stage) -> None:
    talk = await stage.begin("tell fine", "fine")
    asked = await talk.say("tell begun\nuntil crashing\ncrash")
    await talk.sees("begun", after=asked)
    usual = _words(talk, talk.first) | _words(talk, asked)
    stage.let_go("crashing")
    with stage.verdicts.judging(TOLD):
        try:
            await stage.discord.until(lambda: _words(talk, asked) - usual, timeout=stage.patience)
        except TimeoutError:
            demand(condition=False, otherwise="no word about it")
    with stage.verdicts.judging(NEXT):
        later = await talk.say("tell later")
        await talk.sees("later", after=later)
    with stage.verdicts.judging(KEPT):
        demand(spoken("begun").search(talk.text()), "the beginning of the answer is gone")


def _words(talk: Talk, after: Message) -> set[str]:
    """Return the words that the bot shows after a message."""
    return set(re.findall(r"[^\W\d_]{2,}", talk.text(after)))


SCENE: Final = Scene("agent-crash", "The agent crashes", (KEPT, TOLD, NEXT), _play)
