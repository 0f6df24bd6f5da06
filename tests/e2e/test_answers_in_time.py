"""The bot answers every interaction in time. Loopback refuses answers after three seconds.

Under load a busy machine would fail that, so those tests count rounds of the event loop. An answer needs as many on
any machine, and a wait for its turn takes very many.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from selectors import BaseSelector, SelectorKey

import pytest

from loopback import Outcome
from loopback.state.components import walk

from .bot_process import GENEROUS
from .live_bot import bot_lab, idle_lab, running_bot, said

THREADS = 100

ROUNDS = 300
"""Rounds of the event loop until an answer is there, at most; it takes about ten, and more behind many events."""

STEADY = Path(__file__).parents[1] / "peers/steady_agent.py"


def late(*outcomes: Outcome) -> list[Outcome]:
    """Return the outcomes without an answer in time."""
    return [each for each in outcomes if not each.acknowledged]


async def test_commands_are_answered_while_the_agent_hangs_and_after_a_restart(tmp_path: Path) -> None:
    """Every command that changes nothing, buttons of the earlier run, and a final cancel."""
    async with idle_lab(tmp_path) as lab:
        async with running_bot(lab):
            thread = await lab.thread("say begun\nask execute make install")
            card = await lab.ann.sees(thread, "Permission needed", by=lab.bot)
            other = await lab.conversation("say begun\nhang", "begun")
            looking = [await lab.ann.slash(other, command) for command in ("status", "sessions", "reload", "resume")]
            assert late(*looking) == []
            assert "Working" in said(looking[0])
            for each in (thread, other):
                assert late(await lab.ann.slash(each, "cancel")) == []
        async with running_bot(lab):
            pressed = (
                await lab.ann.click(card) if any("custom_id" in part for _, part in walk(card.components)) else None
            )
            looking = [await lab.ann.slash(thread, command) for command in ("status", "sessions")]
            assert late(*looking, *([pressed] if pressed is not None else ())) == []


@contextmanager
def counted_rounds() -> Iterator[list[None]]:
    """Add an item for each round of the running event loop."""
    selector: BaseSelector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    select, rounds = selector.select, list[None]()

    def counted(timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        rounds.append(None)
        return select(timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selector, "select", counted)
        yield rounds


@pytest.mark.timeout(6 * GENEROUS)
async def test_commands_are_answered_while_a_hundred_threads_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edits of a hundred replies wait for their turn; an answer to a person does not wait for them."""
    monkeypatch.setattr("loopback.state.interactions.ACKNOWLEDGE_SECONDS", GENEROUS)
    extra = f"[pool]\nmax_agents = {THREADS}\nper_user = {THREADS}\nper_minute = 1000"
    async with bot_lab(tmp_path, extra=extra, agent=(sys.executable, "-I", "-S", str(STEADY))) as lab:
        threads = [await lab.ann.open_thread(lab.channel, f"thread {number}") for number in range(THREADS)]
        for each in threads:
            await lab.ann.say(each, f"{lab.bot.mention} go on")
        pool = lab.client.pool

        def streaming() -> bool:
            return sum(any("steady" in m.content for m in lab.said_by_bot(each)) for each in threads) == THREADS

        await lab.discord.until(streaming, timeout=4 * GENEROUS)
        assert [str(each.lease.state) for each in pool.conversations] == ["working"] * THREADS
        for thread, command in [
            *((each, "status") for each in threads[:20]),
            (threads[0], "sessions"),
            (threads[0], "cancel"),
        ]:
            with counted_rounds() as rounds:
                assert late(await lab.ann.slash(thread, command)) == []
            assert len(rounds) < ROUNDS
        for conversation in pool.conversations:
            conversation.cancel(lab.ann.id)
