"""All slots but one are taken by what goes nowhere: everyone else is served, and the others are freed in their time."""

import asyncio
from pathlib import Path

import pytest

from .live_bot import bot_lab, idle_lab, marked, nothing_written, running_bot, said

AGENTS = 3
POOL = f"[pool]\nmax_agents = {AGENTS}\nper_user = 100\n"


async def test_hung_agents_are_warned_about_and_ended_while_the_last_slot_serves_everyone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P25, P29, P32: silence gets a word, the ceiling a cancel, and an agent that is deaf to it is killed."""
    monkeypatch.setattr("acp.turn.CANCEL_SECONDS", 1.0)
    later = 0.0
    monkeypatch.setattr("pool.active_turn._now", lambda: asyncio.get_running_loop().time() + later)
    async with bot_lab(tmp_path, extra=f"{POOL}silence_seconds = 1\n") as place:
        hung = [await place.thread("say I hang\nhang"), await place.thread("say I hang\nhang deaf")]
        for thread in hung:
            await place.ann.sees(thread, "I hang", by=place.bot)
        for number in range(AGENTS):
            other = await place.thread(f"say served {number}", place.ben)
            await place.answer(other, f"served {number}")
        for thread in hung:
            assert "working" in said(await place.ann.slash(thread, "status"))
            await place.ann.sees(thread, "Nothing has come from the agent", by=place.bot)
        assert len(marked(place.config)) == AGENTS
        later = 121 * 60.0
        for thread in hung:
            await place.ann.sees(thread, "as long as one may", by=place.bot)
        assert "idle" in said(await place.ben.slash(other, "status"))
        await place.ann.say(hung[1], "say awake")
        await place.ann.sees(hung[1], "awake", by=place.bot)


async def test_an_old_question_makes_way_and_its_thread_goes_on_by_a_button_even_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P32, P48: only the oldest one is ended, for somebody who has waited; the others are left alone."""
    async with idle_lab(tmp_path, remembers=True, extra=POOL) as place:
        async with running_bot(place):
            asking, cards = [], []
            for number in (1, 2):  # One after the other: which question is the older one is part of the scene.
                asking.append(await place.thread(f"say case {number}\nask execute make {number}"))
                cards.append(await place.ann.sees(asking[-1], "May I", by=place.bot))
            for number in range(AGENTS):
                other = await place.thread(f"say served {number}", place.ben)
                await place.ben.sees(other, f"served {number}", by=place.bot)
            await place.ben.say(other, "say now I hang\nhang")
            await place.ben.sees(other, "now I hang", by=place.bot)
            newcomer = await place.thread("say at last", place.ben)
            told = await place.ben.sees(newcomer, "number 1 in line", by=place.bot)
            assert f"<#{asking[0].id}>, <#{asking[1].id}>" in told.content
            monkeypatch.setattr("pool.pool.PREEMPT_SECONDS", 0.5)
            await place.ben.sees(newcomer, "at last", by=place.bot)
            await place.ann.sees(asking[0], "closed: others had long been waiting", by=place.bot)
            await place.ann.sees(asking[0], "rejected (reject_once)", by=place.bot)
            notice = await place.ann.sees(asking[0], "Others had waited for long", by=place.bot)
            assert "asleep" in said(await place.ann.slash(asking[0], "status"))
            assert cards[1].components
            assert "Stopping" in said(await place.ben.slash(other, "cancel"))
            await place.ben.sees(other, "cancelled by", by=place.bot)
        async with running_bot(place):
            refused = await place.mallory.click(notice, "Continue")
            assert "may not" in said(refused).lower()
            with nothing_written(tmp_path):
                assert "was not done" in said(await place.ann.click(notice, "Continue"))
                assert notice.components
            await asyncio.gather(*(place.ann.click(notice, "Continue") for _ in range(2)))
            assert not notice.components
            assert "Continued by" in notice.content
            # The agent is told why it is asked again; this one repeats what it does not understand.
            told = await place.ann.sees(asking[0], "Somebody is there again", by=place.bot)
            assert "not because somebody rejected it" in told.content
            await place.ann.say(asking[0], "recall")
            recalled = await place.ann.sees(asking[0], "say case 1", by=place.bot)
            assert "3" in recalled.content
