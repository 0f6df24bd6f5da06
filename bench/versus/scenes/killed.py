"""SIGKILL in the middle of an answer, and a restart by the same command: nothing is lost, and nothing is done twice."""

import re
import signal
from contextlib import suppress
from typing import Final

from bench.versus.scene import Scene
from bench.versus.stage import Stage, Talk, spoken
from bench.versus.verdicts import demand
from loopback import Message
from loopback.state import components

KEPT: Final = "text from before the kill is still visible"
WAITED: Final = "messages that waited are answered after the restart"
AWAY: Final = "a message from while the bot was away is answered after the restart"
UNASKED: Final = "the interrupted request does not run again unless a person asks for it"
TOLD: Final = "people learn of the interrupted request"
ONCE: Final = "no request is done twice"

WAITING: Final = ("alpha", "bravo", "charlie")


async def _play(stage: Stage) -> None:
    talk = await stage.begin("tell done", "done")
    asked = await talk.say("tell begun\nuntil restarted\ntell ended")
    await talk.sees("begun", after=asked)
    for tag in WAITING:
        await talk.say(f"tell {tag}")
    await stage.end(signal.SIGKILL)
    known = {each.id for each in stage.said()}
    await talk.say("tell delta")
    stage.let_go("restarted")
    await stage.start()
    await _answered(talk, known)
    with stage.verdicts.judging(KEPT):
        demand(spoken("done").search(talk.text()), "the finished answer is gone")
        demand(spoken("begun").search(talk.text()), "the beginning of the interrupted answer is gone")
    with stage.verdicts.judging(WAITED):
        for tag in WAITING:
            await talk.sees(tag)
    with stage.verdicts.judging(AWAY):
        await talk.sees("delta")
    with stage.verdicts.judging(TOLD):
        answered = spoken("ended").search(talk.text())
        demand(answered or _words(talk, known), "nothing in the thread tells of it")
    with stage.verdicts.judging(ONCE):
        twice = [tag for tag in ("done", *WAITING, "delta") if stage.told(tag) > 1]
        demand(not twice, f"told to the agent more than once: {twice}")


async def _answered(talk: Talk, known: set[int]) -> None:
    """Wait until everything is answered. If the bot asks something, as it may, press its first button."""
    stage, awaited = talk.stage, (*WAITING, "delta")

    def asks_or_ends() -> Message | bool | None:
        asking = next((each for each in stage.said(place=talk.place) if each.id not in known and _buttons(each)), None)
        done = all(spoken(tag).search(talk.text()) for tag in awaited)
        return asking or done or stage.told("begun") > 1

    found = None
    with stage.verdicts.judging(UNASKED):
        with suppress(TimeoutError):
            found = await stage.discord.until(asks_or_ends, timeout=stage.patience)
        demand(stage.told("begun") == 1, "it ran again")
    if isinstance(found, Message):
        stage.recording.note("ann presses a button", button=_buttons(found)[0])
        await stage.ann.click(found, custom_id=_buttons(found)[0])


def _buttons(message: Message) -> list[str]:
    """Return the custom ids of a message's enabled buttons."""
    there = (one for _, one in components.walk(message.components) if one.get("type") == components.BUTTON)
    return [one["custom_id"] for one in there if "custom_id" in one and not one.get("disabled")]


def _words(talk: Talk, known: set[int]) -> list[str]:
    """Return the bot's own words in messages that it has posted or changed since the kill."""
    fresh = "\n".join(
        components.text_of(each) for each in talk.stage.said(place=talk.place) if each.id not in known or each.edited
    )
    agents = {tag.upper() for tag in ("done", "begun", "ended", *WAITING, "delta")}
    return [word for word in re.findall(r"[^\W\d_]{2,}", fresh) if word not in agents]


SCENE: Final = Scene("killed", "kill -9 in the middle", (KEPT, WAITED, AWAY, UNASKED, TOLD, ONCE), _play)
