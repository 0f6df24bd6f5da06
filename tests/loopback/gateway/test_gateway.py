"""The gateway without a library: opcodes, close codes, compression, and the replay of a RESUME."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from loopback import Loopback
from loopback.gateway import gateway
from loopback.rest.rate_limits import Limit
from tests.loopback.discordpy import furnish
from tests.loopback.openapi import strictly

GUILDS_AND_MESSAGES = 1 << 0 | 1 << 9 | 1 << 15
BOUND = 30.0
TOKEN = "T"


class Socket:
    """A gateway client for JSON, plain or in one zlib stream."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._inflate = zlib.decompressobj()

    async def send(self, op: int, data: Any) -> None:
        await self.send_frame(json.dumps({"op": op, "d": data}))

    async def send_frame(self, frame: str) -> None:
        """Send a raw frame."""
        await self._socket.send_str(frame)

    async def receive(self) -> dict[str, Any]:
        message = await self._socket.receive(BOUND)
        if message.type is aiohttp.WSMsgType.BINARY:
            text = self._inflate.decompress(message.data)
        else:
            assert message.type is aiohttp.WSMsgType.TEXT, message
            text = message.data
        frame: dict[str, Any] = json.loads(text)
        return frame

    async def answer(self) -> aiohttp.WSMessage:
        """Return the next raw message, also a close."""
        return await self._socket.receive(BOUND)

    async def until(self, name: str) -> dict[str, Any]:
        """Return the next event of that name."""
        while (frame := await self.receive())["t"] != name:
            pass
        return frame

    async def close_code(self) -> int:
        """Read until the server closes, and return the close code."""
        while (message := await self._socket.receive(BOUND)).type is not aiohttp.WSMsgType.CLOSE:
            assert message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}, message.type
        code: int = message.data
        return code


@asynccontextmanager
async def connect(server: Loopback, query: str = "?v=10&encoding=json") -> AsyncIterator[Socket]:
    """Connect a socket, and wait for its HELLO."""
    url = server.endpoint.replace("http", "ws", 1) + "/gateway/" + query
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        client = Socket(socket)
        assert (await client.receive())["op"] == 10
        yield client


def identity(intents: int = GUILDS_AND_MESSAGES, *, token: str = TOKEN) -> dict[str, Any]:
    """Return the data of an IDENTIFY."""
    return {"token": token, "intents": intents, "properties": {}}


async def test_identify_gets_ready_then_each_guild_with_its_threads() -> None:
    """READY names the guilds, and GUILD_CREATE has channels, roles, the own member and active threads."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("threadline", token="T", guilds=(guild,))
        thread = await ann.open_thread(await ann.say(channel, "hello"), "talk")
        async with connect(server, "?v=10&encoding=json&compress=zlib-stream") as client:
            await client.send(1, None)
            assert (await client.receive())["op"] == 11
            await client.send(2, identity())
            ready = await client.receive()
            assert ready["t"] == "READY"
            assert ready["d"]["guilds"] == [{"id": str(guild.id), "unavailable": True}]
            created = (await client.receive())["d"]
            assert [one["id"] for one in created["channels"]] == [str(channel.id)]
            assert [one["id"] for one in created["threads"]] == [str(thread.id)]
            assert [one["user"]["id"] for one in created["members"]] == [str(bot.id)]
            assert str(guild.id) in [one["id"] for one in created["roles"]]


@pytest.mark.parametrize(
    ("op", "data", "code"),
    [
        (2, identity(token="wrong"), 4004),
        (2, identity(intents=1 << 1), 4014),
        (2, identity(intents=1 << 40), 4013),
        (2, {**identity(), "shard": [3, 2]}, 4010),
        (2, {**identity(), "shard": ["0", None]}, 4010),
        (3, {}, 4003),
        (99, {}, 4001),
        (2, "nonsense", 4002),
        (1, "x" * 5000, 4002),
    ],
)
async def test_a_wrong_frame_closes_with_discords_code(op: int, data: Any, code: int) -> None:
    """There is a frame for each close code."""
    async with Loopback(strict=strictly()) as server:
        server.add_bot("threadline", token="T", intents=GUILDS_AND_MESSAGES)
        async with connect(server) as client:
            await client.send(op, data)
            assert await client.close_code() == code


@pytest.mark.parametrize(
    "frame", ["[" * 4000, '{"op":8}', '{"op":8,"d":{"guild_id":[1]}}', '{"op":8,"d":{"user_ids":[[]]}}']
)
async def test_a_frame_of_the_wrong_shape_closes_with_4002(frame: str) -> None:
    """This holds after the identification too."""
    async with Loopback(strict=strictly()) as server:
        server.add_bot("threadline", token="T", intents=GUILDS_AND_MESSAGES)
        async with connect(server) as client:
            await client.send(2, identity())
            await client.until("READY")
            await client.send_frame(frame)
            assert await client.close_code() == 4002


async def test_a_heartbeats_answer_is_delayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would take an earlier answer for one that is a whole interval late: "can't keep up"."""
    monkeypatch.setattr(gateway, "ACK_SECONDS", 0.5)
    async with Loopback(strict=strictly()) as server:
        server.add_bot("threadline", token="T", intents=GUILDS_AND_MESSAGES)
        async with connect(server) as client:
            await client.send(1, None)
            await client.send(2, identity())
            assert [(await client.receive())["op"] for _ in range(2)] == [0, 11]


async def test_resume_sends_exactly_the_missed_events() -> None:
    """They keep their sequence numbers, and RESUMED follows. An unknown session id gets op 9."""
    async with Loopback(strict=strictly()) as server:
        channel, ann, bot = furnish(server)
        async with connect(server) as client:
            await client.send(2, identity())
            ready = await client.receive()
            await ann.say(channel, "seen")
            seen = await client.until("MESSAGE_CREATE")
            server.drop_gateway(bot)
            assert await client.close_code() == 4000
        await ann.say(channel, "missed")
        async with connect(server) as client:
            resume = {"token": "T", "session_id": ready["d"]["session_id"], "seq": seen["s"]}
            await client.send(6, {**resume, "session_id": "strange"})
            assert (await client.receive()) == {"t": None, "s": None, "op": 9, "d": False}
            await client.send(6, resume)
            missed = await client.receive()
            assert (missed["t"], missed["s"], missed["d"]["content"]) == ("MESSAGE_CREATE", seen["s"] + 1, "missed")
            assert (await client.receive())["t"] == "RESUMED"
            server.replay_last(bot, "MESSAGE_CREATE")
            again = await client.receive()
            assert again["d"] == missed["d"]
            assert again["s"] > missed["s"]


async def test_events_need_an_intent_and_the_right_to_see_them() -> None:
    """Events of other intents, and of hidden channels, are not sent."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        hidden = server.add_channel(guild, "hidden")
        channel = server.add_channel(guild, "general")
        server.world.overwrite(hidden, guild.id, deny=1 << 10)
        ann = server.add_person("ann", guilds=(guild,), roles=(server.add_role(guild, "dev", permissions=1 << 3),))
        server.add_bot("threadline", token="T", guilds=(guild,))
        async with connect(server) as client:
            await client.send(2, identity())
            await client.until("GUILD_CREATE")
            await ann.say(hidden, "secret")
            said = await ann.say(channel, "open")
            await ann.react(said, "👀")
            await ann.type(channel)
            await ann.edit(said, "edited")
            await ann.delete(said)
            names = [(frame["t"], frame["d"].get("content")) for frame in [await client.receive() for _ in range(3)]]
            assert names == [("MESSAGE_CREATE", "open"), ("MESSAGE_UPDATE", "edited"), ("MESSAGE_DELETE", None)]


async def test_the_server_ends_while_clients_are_connected() -> None:
    """Leaving the context closes every socket with 1001."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Loopback())
        bot = server.add_bot("threadline", token="T")
        async with connect(server) as client:
            await client.send(2, identity())
            await server.connected(bot)
            codes = asyncio.create_task(client.close_code())
            await stack.aclose()
            assert await codes == 1001


async def identified(server: Loopback, token: str = TOKEN) -> Any:
    """Return the first frame of a new connection after its IDENTIFY, or its close code."""
    async with connect(server) as client:
        await client.send(2, identity(token=token))
        message = await client.answer()
        return message.data if message.type is aiohttp.WSMsgType.CLOSE else json.loads(message.data)


async def starts(server: Loopback, http: aiohttp.ClientSession) -> dict[str, int]:
    """Return the bot's session_start_limit."""
    async with http.get(f"{server.endpoint}/api/v10/gateway/bot", headers={"Authorization": f"Bot {TOKEN}"}) as answer:
        found: dict[str, int] = (await answer.json())["session_start_limit"]
        return found


async def test_identifies_are_counted_in_a_day_and_a_resume_costs_none() -> None:
    """GET /gateway/bot shows them, also if the limit is off. After a day all are available again."""
    async with Loopback(strict=strictly()) as server, aiohttp.ClientSession() as http:
        bot = server.add_bot("threadline", token=TOKEN)
        async with connect(server) as client:
            await client.send(2, identity())
            ready = await client.until("READY")
            server.drop_gateway(bot)
        async with connect(server) as client:
            await client.send(6, {"token": TOKEN, "session_id": ready["d"]["session_id"], "seq": ready["s"]})
            assert (await client.receive())["t"] == "RESUMED"
        told = await starts(server, http)
        assert (told["total"], told["remaining"], told["max_concurrency"]) == (1000, 999, 1)
        assert 0 < told["reset_after"] <= 24 * 3600 * 1000
        server.jump(24 * 3600)
        assert (await starts(server, http))["remaining"] == 1000


async def test_one_identify_too_many_ends_all_sessions_and_the_token() -> None:
    """The connections close with 4004, and REST answers 401. The new token works after the window."""
    async with Loopback(limits={Limit.IDENTIFIES}) as server, aiohttp.ClientSession() as http:
        server.limits.change(Limit.IDENTIFIES, 2, 600.0)
        bot = server.add_bot("threadline", token=TOKEN)
        async with connect(server) as first:
            await first.send(2, identity())
            await first.until("READY")
            assert (await identified(server))["t"] == "READY"
            assert (await starts(server, http))["remaining"] == 0
            assert await identified(server) == 4004
            assert await first.close_code() == 4004
        assert await identified(server) == 4004
        async with http.get(
            f"{server.endpoint}/api/v10/users/@me", headers={"Authorization": f"Bot {TOKEN}"}
        ) as answer:
            assert answer.status == 401
        server.jump(600)
        assert (await identified(server, bot.token))["t"] == "READY"


async def test_a_second_identify_within_five_seconds_is_an_invalid_session() -> None:
    """It gets op 9 on an open connection, on which the next IDENTIFY works five seconds later."""
    async with Loopback(limits={Limit.IDENTIFY_RATE}) as server:
        server.add_bot("threadline", token=TOKEN)
        assert (await identified(server))["t"] == "READY"
        async with connect(server) as client:
            await client.send(2, identity())
            assert await client.receive() == {"t": None, "s": None, "op": 9, "d": False}
            server.jump(5)
            await client.send(2, identity())
            assert (await client.receive())["t"] == "READY"
