"""The gateway's connection breaks, and Discord refuses to resume the session, so that events are lost."""

from typing import Final

from bench.versus.scene import Scene
from bench.versus.stage import Stage
from bench.versus.verdicts import demand

MISSED: Final = "a message whose event was lost is answered"
LATER: Final = "a message after the reconnection is answered"
ONCE: Final = "no request is done twice"


async def _play(stage: Stage) -> None:
    talk = await stage.begin("tell first", "first")
    stage.recording.note("the gateway ends the session")
    sessions = stage.bot.identifies
    stage.discord.drop_gateway(stage.bot, resume=False)
    await talk.say("tell missed")
    with stage.verdicts.judging(LATER):
        await stage.connected(sessions)
        later = await talk.say("tell later")
        await talk.sees("later", after=later)
    with stage.verdicts.judging(MISSED):
        await talk.sees("missed")
    with stage.verdicts.judging(ONCE):
        twice = [tag for tag in ("first", "missed", "later") if stage.told(tag) > 1]
        demand(not twice, f"told to the agent more than once: {twice}")


SCENE: Final = Scene("refused-resume", "A refused resume of the gateway's session", (MISSED, LATER, ONCE), _play)
