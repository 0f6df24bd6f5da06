"""Mentions in the agent's text: they are visible, and ping no person."""

from typing import Final

from bench.versus.scene import Scene
from bench.versus.stage import Stage
from bench.versus.verdicts import demand

EVERYONE: Final = "@everyone in the agent's text pings no person"
PERSON: Final = "a mention of another person in the agent's text does not ping them"
READABLE: Final = "its words @everyone and @here are still readable"
ROLE: Final = "a mention of a role in the agent's text does not ping it"

ZERO_WIDTH: Final = "\N{ZERO WIDTH SPACE}"
"""What bots put into a mention so that it does not ping."""


async def _play(stage: Stage) -> None:
    role = stage.discord.add_role(stage.guild, "staff")
    text = (
        "mention everyone",
        "mention here",
        f"mention user {stage.ben.id}",
        f"mention role {role.id}",
        "tell finish",
    )
    talk = await stage.begin("\n".join(text), "finish")
    said = stage.said(talk.first, talk.place)
    with stage.verdicts.judging(EVERYONE):
        demand(not any(each.mention_everyone for each in said), "it pinged everyone")
    with stage.verdicts.judging(PERSON):
        demand(not any(stage.ben.id in each.mentions for each in said), "it pinged the person")
    with stage.verdicts.judging(ROLE):
        demand(not any(role.id in each.mention_roles for each in said), "it pinged the role")
    with stage.verdicts.judging(READABLE):
        shown = talk.text().replace(ZERO_WIDTH, "")
        demand("@everyone" in shown and "@here" in shown, f"the thread has {shown!r}")


SCENE: Final = Scene("mentions", "Mentions in the agent's text", (EVERYONE, PERSON, ROLE, READABLE), _play)
