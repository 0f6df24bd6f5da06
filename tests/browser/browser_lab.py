"""The page in a browser, with or without the whole bot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from loopback import Account, Channel, Loopback
from tests.browser.chrome import Browser, Page, browser
from tests.e2e.live_bot import SCRIPTED, BotLab, idle_lab, running_bot

FORKING = (*SCRIPTED, "--fork", "point", "--name", "@agentclientprotocol/claude-agent-acp")
"""An agent that forks after a message, which is known by its name."""

DEFAULTS = '[reply]\nfinish = "auto"\n\n[threads]\nintroduction = true\n'


@asynccontextmanager
async def browser_lab(folder: Path, chromium: str) -> AsyncIterator[tuple[BotLab, Browser]]:
    """Run a lab with the bot, and a silent browser."""
    async with idle_lab(folder) as place, running_bot(place), silent_browser(chromium) as chrome:
        yield place, chrome


@dataclass(frozen=True)
class Story:
    """A lab whose bot has the defaults of replies and threads, with two channels that have directories of their own."""

    lab: BotLab
    billing: Channel


@asynccontextmanager
async def story(folder: Path) -> AsyncIterator[Story]:
    """Provide the lab for pictures, without a running bot."""
    async with idle_lab(folder) as lab:
        billing = lab.discord.add_channel(lab.guild, "billing")
        lab.configure(agent=FORKING, channels=[billing], extra=DEFAULTS, remembers=True)
        yield Story(lab, billing)


@asynccontextmanager
async def silent_browser(chromium: str) -> AsyncIterator[Browser]:
    """Connect a browser, and fail at the end if a console has errors or warnings."""
    async with browser(chromium) as chrome:
        yield chrome
        assert chrome.problems() == []


def address(server: Loopback, person: Account, *places: Channel | int) -> str:
    """Return the page's address for a person, with one or two channels open."""
    ids = [str(one if isinstance(one, int) else one.id) for one in places]
    return f"{server.page}#{'/'.join([str(person.id), *ids])}"


async def shown(chrome: Browser, server: Loopback, person: Account, *places: Channel | int, width: int = 1280) -> Page:
    """Open a new tab, and wait until it shows these channels."""
    page = await chrome.open(address(server, person, *places), width=width)
    for pane, one in zip(("#main", "#beside"), places, strict=False):
        await page.until(
            f"document.querySelector('{pane}').dataset.shown === '{one if isinstance(one, int) else one.id}'"
        )
    return page
