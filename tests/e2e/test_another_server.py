"""`endpoint` works with any server of Discord's REST v10 and gateway, not only with loopback."""

import asyncio
import sys
from pathlib import Path

from bot.app import App
from bot.config.load import load
from tests.e2e.another_server import BOT, CHANNEL, AnotherServer

TOKEN = "token-for-another-server"


async def test_the_bot_works_on_a_server_that_knows_only_what_is_needed(tmp_path: Path) -> None:
    """A mention opens a thread, the answer streams into it, and the next message continues the conversation."""
    async with AnotherServer(TOKEN) as server:
        (tmp_path / "project").mkdir()
        config = tmp_path / "threadline.toml"
        config.write_text(
            f"""
[discord]
token = "{TOKEN}"
endpoint = "{server.endpoint}"
[access]
channels = ["{CHANNEL}"]
[agents.default]
command = "{sys.executable}"
args = ["-m", "loopback.agent"]
cwd = "project"
[journal]
path = "threadline.db"
""",
            encoding="utf-8",
        )
        app = App(load(config))
        task = asyncio.create_task(app.run())
        try:
            async with asyncio.timeout(30):
                await app.ready.wait()
            thread = await server.say(CHANNEL, f"<@{BOT}> say hello from another server")
            reply = await server.sees("hello from another server")
            assert [each["id"] for each in server.threads] == [thread]
            assert server.threads[0]["name"] == "say hello from another server"
            await server.say(thread, "say and more")
            more = await server.sees("and more")
            assert more != reply
        finally:
            app.stop()
            await task
