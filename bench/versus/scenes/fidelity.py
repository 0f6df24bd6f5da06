"""Hard texts: what people see in the end is what the agent said, as far as Discord can show it."""

from typing import Final

from bench.versus import visible
from bench.versus.hard_texts import HARD_TEXTS, HardText
from bench.versus.scene import Scene
from bench.versus.stage import Stage, Talk
from bench.versus.verdicts import demand
from loopback import Message
from loopback.web.names import GuildNames


async def _play(stage: Stage) -> None:
    talk = await stage.begin("tell ready", "ready")
    for number, (name, text) in enumerate(HARD_TEXTS.items()):
        stage.run.progress.step("hard texts", number, len(HARD_TEXTS))
        await stage.pause()
        with stage.verdicts.judging(text.title):
            asked = await talk.say(f"recite {name}\ntell done")
            await talk.sees("done", after=asked)
            fault = _fault(talk, asked, text)
            demand(fault is None, fault or "")


def _fault(talk: Talk, asked: Message, text: HardText) -> str | None:
    """Return what is wrong with the text in the answer. A file with the whole text is as good as messages."""
    messages = talk.stage.said(asked, talk.place)
    shown = visible.shown(messages, GuildNames(talk.stage.discord.world, talk.stage.guild))
    fault = visible.fault_of(text, shown.parts[text.style])
    return fault and visible.fault_of(text, visible.files(messages)) and fault


SCENE: Final = Scene("fidelity", "Hard texts", tuple(each.title for each in HARD_TEXTS.values()), _play)
