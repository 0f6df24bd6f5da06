"""The agent's sessions over restarts of the bot: one that the agent can continue, and one that it refuses."""

from typing import Final

from bench.versus.scene import Scene
from bench.versus.stage import Stage
from bench.versus.verdicts import demand

CONTINUED: Final = "after a restart the agent still knows the conversation"
REFUSED: Final = "if the agent refuses to continue, the next message is still answered"


async def _play(stage: Stage) -> None:
    talk = await stage.begin("tell first", "first")
    with stage.verdicts.judging(CONTINUED):
        await stage.restart()
        await talk.say("tell second")
        await talk.sees("second")
        sessions = [note["session"] for note in stage.notes("told")]
        demand(sessions[0] == sessions[-1], "it has a new session")
    stage.set_agent("--refuse", "load")
    with stage.verdicts.judging(REFUSED):
        await stage.restart()
        await talk.say("tell third")
        await talk.sees("third")


SCENE: Final = Scene("sessions", "The agent's session over restarts", (CONTINUED, REFUSED), _play)
