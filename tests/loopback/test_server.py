"""The server as a whole: its address, its end, and its program."""

import asyncio
import json
import signal
import sys

import aiohttp
import pytest

from loopback import Loopback

BOUND = 30.0


async def test_a_taken_port_is_an_error_and_nothing_is_left_open() -> None:
    """OSError for the second server on a port; the port is free again after the first has ended."""
    async with Loopback() as server:
        port = int(server.endpoint.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            async with Loopback(port=port):
                pass
    async with Loopback(port=port) as again:
        assert again.endpoint == server.endpoint


async def test_connected_names_the_missing_bot() -> None:
    """The time-out raises an AssertionError with the bot's name."""
    async with Loopback() as server:
        bot = server.add_bot("threadline", token="T")
        with pytest.raises(AssertionError, match="threadline did not connect"):
            await server.connected(bot, timeout=0.01)
        with pytest.raises(LookupError):
            server.replay_last(bot, "MESSAGE_CREATE")
        assert repr(server).startswith("<Loopback http://127.0.0.1:")


async def test_the_program_serves_until_sigterm() -> None:
    """`python -m loopback` prints one JSON line, serves, and exits with 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loopback", "--port", "0", "--hands-port", "0", stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(BOUND):
        try:
            assert process.stdout is not None
            facts = json.loads(await process.stdout.readline())
            headers = {"Authorization": f"Bot {facts['token']}"}
            url = f"{facts['endpoint']}/api/v10/users/@me"
            async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
                assert (await answer.json())["id"] == facts["bot"]
        finally:
            process.send_signal(signal.SIGTERM)
            code = await process.wait()
    assert code == 0
