"""What a bot keeps in memory only from the moment that it needs it. Read from a real process, since imports stay."""

import asyncio
import signal
from pathlib import Path

from .bot_process import GENEROUS, bot_process
from .live_bot import idle_lab

WHEN_USED = {
    "acp.places.far_place": "only where agents run on other machines",
    "aiohttp.web": "only where metrics are served",
    "frozenlist._frozenlist": "it loads libstdc++; the same in Python is fast enough",
    "html.entities": "only for HTML in a reply",
    "loopback": "only the demo",
    "prometheus_client": "only where metrics are served",
    "psutil": "only for a limit of memory, and for metrics",
    "pygments": "rich brings it",
    "regex": "only where a page is cut inside a word",
    "rich": "only for a table in a reply; structlog must not find it",
    "wsgiref": "prometheus_client brings it",
}
"""Modules, a megabyte or a half each, and what they are for."""

SCRIPT = f"""
import atexit, sys
from bot.cli import main
atexit.register(lambda: print("loaded:", *sorted(sys.modules.keys() & set({[*WHEN_USED]!r})), file=sys.stderr))
main()
"""


async def loaded_after(folder: Path, said: str, answer: str, **options: str) -> set[str]:
    """Run a bot until it has answered, and return which of the modules it has loaded."""
    async with idle_lab(folder, **options) as lab, bot_process(lab, program=("-c", SCRIPT)) as process:
        await lab.conversation(said, answer)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(GENEROUS):
            _, stderr = await process.communicate()
    told, *loaded = stderr.decode().splitlines()[-1].split()
    assert told == "loaded:"
    return set(loaded)


async def test_a_bot_that_answers_plainly_has_loaded_nothing_that_few_bots_need(tmp_path: Path) -> None:
    """Neither at its start, nor for Discord, nor for a first answer of a few words."""
    assert await loaded_after(tmp_path, "say hello there", "hello there") == set()


async def test_what_is_loaded_is_seen(tmp_path: Path) -> None:
    """The test above can fail: an entity in a reply needs their table, and a bot with metrics a web server."""
    metrics = '[metrics]\nlisten = "127.0.0.1:0"\n'
    loaded = await loaded_after(tmp_path, "say one &amp; two", "one & two", extra=metrics)
    assert {"aiohttp.web", "html.entities", "prometheus_client"} <= loaded
