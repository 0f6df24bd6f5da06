"""Discord fails at the last write of an answer. The end is visible nevertheless, once."""

from typing import Any, Final

from bench.versus.scene import Scene
from bench.versus.stage import Stage, Talk, spoken
from bench.versus.verdicts import demand
from loopback import Message

UNAVAILABLE: Final = "the end is visible once after three answers of 503"
REFUSED: Final = "the end is visible once after an answer of 429"
LOST: Final = "the end is visible once if the answer to its post is lost"
LOST_EDIT: Final = "the end is visible once if the answer to its edit is lost"
RESET: Final = "the end is visible once if the connection is reset"

_FAULTS: Final[dict[str, dict[str, Any]]] = {
    UNAVAILABLE: {"status": 503, "times": 3},
    REFUSED: {"status": 429, "retry_after": 1.0},
    LOST: {"answer_lost": True, "method": "POST"},
    LOST_EDIT: {"answer_lost": True, "method": "PATCH"},
    RESET: {"reset": True},
}


async def _play(stage: Stage) -> None:
    talk = await stage.begin("tell ready", "ready")
    for number, (check, fault) in enumerate(_FAULTS.items()):
        await stage.pause()
        tag = f"end{'abcde'[number]}"
        rule = stage.discord.fault(says=spoken(tag), **fault)
        stage.recording.note("the write of the end fails", tag=tag, fault=repr(rule))
        asked = await _ask(talk, tag, at_once=fault.get("method") == "POST")
        with stage.verdicts.judging(check):
            await talk.sees(tag, after=asked)
        rule.remove()
        if stage.verdicts.has_passed(check):
            await _count(talk, tag, asked, check)


async def _ask(talk: Talk, tag: str, *, at_once: bool) -> Message:
    """Ask for an answer that ends with the tag. One that is complete at once is a post, another ends with an edit."""
    if at_once:
        return await talk.say(f"tell {tag}")
    asked = await talk.say(f"tell {tag}begun\nuntil {tag}\ntell {tag}")
    await talk.sees(f"{tag}begun", after=asked)
    talk.stage.let_go(tag)
    return asked


async def _count(talk: Talk, tag: str, asked: Message, check: str) -> None:
    """Once the next message is answered, decide whether the end is visible once."""
    last = await talk.say(f"tell {tag}last")
    await talk.sees(f"{tag}last", after=last)
    with talk.stage.verdicts.judging(check):
        times = len(spoken(tag).findall(talk.text(asked)))
        demand(times == 1, f"it is visible {times} times")


SCENE: Final = Scene("last-write", "Faults at the last write", tuple(_FAULTS), _play)
