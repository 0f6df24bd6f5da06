"""The bot's status: how many agents work, and how many ask a person."""

from itertools import pairwise
from pathlib import Path

import pytest

from .live_bot import BotLab, bot_lab


@pytest.fixture(autouse=True)
def frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, so that no test waits for long."""
    monkeypatch.setattr("bot.gateway.presence.PRESENCE_SECONDS", 0.05)


def status(lab: BotLab) -> str | None:
    """Return the newest status, None before the first, empty where it says nothing."""
    if not lab.bot.presences:
        return None
    activities = lab.bot.presences[-1]["activities"]
    return activities[0]["state"] if activities else ""


async def test_the_status_says_how_many_agents_work_and_how_many_ask(tmp_path: Path) -> None:
    """With nothing to do it says nothing; an unchanged status is not sent again."""
    async with bot_lab(tmp_path) as lab:
        await lab.discord.until(lambda: status(lab) == "")
        first = await lab.conversation("say begun\nhang", "begun")
        await lab.discord.until(lambda: status(lab) == "1 working")
        await lab.conversation("say asks\nask execute Build it", "asks")
        await lab.discord.until(lambda: status(lab) == "1 working · 1 asking")
        await lab.ann.slash(first, "cancel")
        await lab.discord.until(lambda: status(lab) == "1 asking")
        sent = [str(each["activities"]) for each in lab.bot.presences]
        assert all(one != next_one for one, next_one in pairwise(sent))


@pytest.mark.parametrize("resume", [True, False])
async def test_the_status_is_shown_again_after_a_reconnect(tmp_path: Path, *, resume: bool) -> None:
    """Also where the connection begins a new session, which has no status."""
    async with bot_lab(tmp_path) as lab:
        await lab.conversation("say begun\nhang", "begun")
        await lab.discord.until(lambda: status(lab) == "1 working")
        lab.bot.presences.clear()
        lab.discord.drop_gateway(lab.bot, resume=resume)
        await lab.discord.until(lambda: status(lab) == "1 working")
