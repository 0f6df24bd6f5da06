"""The bot never identifies so often that Discord revokes its token, even in a crash loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.identify_limit import ASK_SECONDS, RESERVED, Allowance, IdentifyLimit, TooManyIdentifies
from bot.gateway.supervisor import FIRST_SECONDS
from loopback import Bot, Loopback
from pool.journal.journal import Journal
from tests.bot.fake_discord import scratch_journal

TOKEN = "token-of-the-test"
DAY = 24 * 3600.0
GENEROUS = 60.0
"""Seconds that only catch a hang."""


@given(st.lists(st.floats(FIRST_SECONDS, 600.0), min_size=1, max_size=20))
def test_a_bot_that_dies_at_once_for_days_keeps_some_identifies_every_day(lives: list[float]) -> None:
    """A crash loop over several days still connects from time to time."""
    allowance, now, counts = Allowance(), 0.0, dict[float, int]()
    gaps: list[float] = []
    for step in range(3000):
        wait = allowance.wait(now)
        gaps.append(wait)
        now += wait
        allowance = allowance.after_identify(now)
        counts[allowance.until] = counts.get(allowance.until, 0) + 1
        now += lives[step % len(lives)]
    assert max(counts.values()) <= 1000 - RESERVED
    assert max(gaps) < DAY / 100


def test_a_clock_that_was_set_back_delays_an_identify_by_a_day_at_most() -> None:
    """The time left is the bound, even if the last identify is in the future."""
    for last in (0.9 * DAY, 9 * DAY):
        assert Allowance(1000, 200, until=DAY, last=last).wait(0.0) <= DAY


@pytest.mark.parametrize("left", [RESERVED, RESERVED - 1, 0])
def test_with_only_the_reserved_ones_left_it_waits_for_the_next_day(left: int) -> None:
    """A person may have used some of these."""
    assert Allowance(1000, left, until=DAY).wait(0.0) == DAY


@asynccontextmanager
async def logged_in(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Loopback, Bot, discord.Client]]:
    """Start loopback with a client that has logged in over REST alone."""
    async with Loopback(limits=False) as place:
        bot = place.add_bot("threadline", token=TOKEN, owner=place.add_person("ann"))
        monkeypatch.setattr(discord.http.Route, "BASE", f"{place.endpoint}/api/v10")
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(TOKEN)
            yield place, bot, client


async def test_the_last_ones_that_discord_grants_are_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discord's own figure counts other runs with the same token too."""
    async with logged_in(monkeypatch) as (place, bot, client):
        with scratch_journal() as journal:
            for _ in range(1000 - RESERVED - 1):
                place.limits.identify(bot.id)
            await IdentifyLimit(journal).acquire(client.http)
            assert IdentifyLimit(journal).allowance.left == RESERVED
            for others in range(1, 3):  # One that was not made costs none; what Discord says is known to the next run.
                place.limits.identify(bot.id)
                place.limits.identify(bot.id)
                with pytest.raises(TooManyIdentifies) as caught:
                    await IdentifyLimit(journal).acquire(client.http)
                assert IdentifyLimit(journal).allowance.left == RESERVED + 1 - 2 * others
    assert DAY / 2 < caught.value.seconds <= DAY


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 404, "body": {"message": "404: Not Found", "code": 0}},
        {"status": 200, "body": {}},
        {"reset": True},
        {"slow": GENEROUS},
    ],
    ids=["unknown", "unreadable", "unreached", "silent"],
)
async def test_where_discord_does_not_say_our_own_count_holds_over_restarts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: dict[str, Any]
) -> None:
    """The count is in the journal."""
    monkeypatch.setattr("bot.gateway.identify_limit.ASK_SECONDS", 0.1 if "slow" in fault else ASK_SECONDS)
    async with logged_in(monkeypatch) as (place, _, client), asyncio.timeout(GENEROUS / 2):
        place.fault(method="GET", path="/gateway/bot", times=None, **fault)
        for run in range(3):
            with Journal.open(tmp_path / "journal.db") as journal:
                await IdentifyLimit(journal).acquire(client.http)
                assert IdentifyLimit(journal).allowance.left == 999 - run
        with Journal.open(tmp_path / "journal.db") as journal:
            journal.facts.note("identifies", "no JSON")
            await IdentifyLimit(journal).acquire(client.http)
