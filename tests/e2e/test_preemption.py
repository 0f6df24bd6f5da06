"""Stuck turns hold all slots but one: the last slot serves all others, and the stuck ones end in time."""

import asyncio
from pathlib import Path

import pytest

from .bot_process import agent_pids
from .live_bot import bot_lab, idle_lab, nothing_written, running_bot, said
from .puppet_script import labels

AGENTS = 3
POOL = f"[pool]\nmax_agents = {AGENTS}\nper_user = 100\n"


async def test_hung_agents_are_warned_about_and_ended_while_the_last_slot_serves_everyone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence gets a notice, the ceiling a cancel, and an agent that ignores it is killed."""
    monkeypatch.setattr("acp.turn.CANCEL_SECONDS", 1.0)
    later = 0.0
    monkeypatch.setattr("pool.active_turn._now", lambda: asyncio.get_running_loop().time() + later)
    async with bot_lab(tmp_path, extra=f"{POOL}silence_seconds = 1\n") as lab:
        hung = [await lab.thread("say I hang\nhang"), await lab.thread("say I hang\nhang deaf")]
        for thread in hung:
            await lab.ann.sees(thread, "I hang", by=lab.bot)
        for number in range(AGENTS):
            other = await lab.thread(f"say served {number}", lab.ben)
            await lab.answer(other, f"served {number}")
        for thread in hung:
            assert "Working" in said(await lab.ann.slash(thread, "status"))
            await lab.ann.sees(thread, "No output for", by=lab.bot)
        assert len(agent_pids(lab.config)) == AGENTS
        later = 121 * 60.0
        for thread in hung:
            await lab.ann.sees(thread, "Stopped at the time limit of 120 minutes", by=lab.bot)
        assert "Idle" in said(await lab.ben.slash(other, "status"))
        await lab.ann.say(hung[1], "say awake")
        await lab.ann.sees(hung[1], "awake", by=lab.bot)


async def test_an_old_question_makes_way_and_its_thread_goes_on_by_a_button_even_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the oldest one ends, for a request that has waited."""
    async with idle_lab(tmp_path, remembers=True, extra=POOL) as lab:
        async with running_bot(lab):
            asking, cards = [], []
            for number in (1, 2):  # One after the other: which question is the older one is part of the scene.
                asking.append(await lab.thread(f"say case {number}\nask execute make {number}"))
                cards.append(await lab.ann.sees(asking[-1], "Permission needed", by=lab.bot))
            for number in range(AGENTS):
                other = await lab.thread(f"say served {number}", lab.ben)
                await lab.ben.sees(other, f"served {number}", by=lab.bot)
            await lab.ben.say(other, "say now I hang\nhang")
            await lab.ben.sees(other, "now I hang", by=lab.bot)
            newcomer = await lab.thread("say at last", lab.ben)
            told = await lab.ben.sees(newcomer, "number 1 in the queue", by=lab.bot)
            assert f"<#{asking[0].id}>, <#{asking[1].id}>" in told.content
            monkeypatch.setattr("pool.evictions.PREEMPT_SECONDS", 0.5)
            await lab.ben.sees(newcomer, "at last", by=lab.bot)
            await lab.ann.sees(asking[0], "closed: other threads had been waiting", by=lab.bot)
            await lab.ann.sees(asking[0], "rejected (reject_once)", by=lab.bot)
            notice = await lab.ann.sees(asking[0], "The question above was cancelled", by=lab.bot)
            assert "Asleep" in said(await lab.ann.slash(asking[0], "status"))
            assert labels(cards[1])
            assert "Stopping" in said(await lab.ben.slash(other, "cancel"))
            await lab.ben.sees(other, "Stopped by", by=lab.bot)
        async with running_bot(lab):
            refused = await lab.mallory.click(notice, "Continue")
            assert "have access" in said(refused)
            with nothing_written(tmp_path):
                assert "nothing was done" in said(await lab.ann.click(notice, "Continue"))
                assert notice.components
            await asyncio.gather(*(lab.ann.click(notice, "Continue") for _ in range(2)))
            assert not notice.components
            assert "Continued by" in notice.content
            # The agent is told why it is asked again; this one repeats what it does not understand.
            told = await lab.ann.sees(asking[0], "You can continue now", by=lab.bot)
            assert "a person did not reject it" in told.content
            await lab.ann.say(asking[0], "recall")
            recalled = await lab.ann.sees(asking[0], "say case 1", by=lab.bot)
            assert "3" in recalled.content
