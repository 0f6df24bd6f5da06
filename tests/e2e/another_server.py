"""A minimal server of Discord's REST v10 and gateway, written from Discord's documents and not from loopback.

It has one guild, one channel and one person. It sends plain text frames and no rate limit headers, and answers 404 to
reactions, commands, thread members and all else that a conversation does not need.
"""

import asyncio
import itertools
import json
from typing import Any, Self

from aiohttp import WSMsgType, web

GUILD, CHANNEL, PERSON, BOT, ROLE = "1000", "2000", "3000", "4000", "1000"

Json = dict[str, Any]


def user(user_id: str, name: str, *, bot: bool = False) -> Json:
    """Return a user as Discord encodes it."""
    return {"id": user_id, "username": name, "discriminator": "0", "avatar": None, "global_name": None, "bot": bot}


def answer(body: Json, status: int = 200) -> web.Response:
    """Answer in JSON with Discord's content type: discord.py accepts no other, not even with a charset."""
    return web.Response(body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json"})


class AnotherServer:
    """An asynchronous context manager. `contents` maps the bot's message ids to their current text."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.contents: dict[str, str] = {}
        self.threads: list[Json] = []
        self.changed = asyncio.Condition()
        self.endpoint = ""
        self._ids = itertools.count(5000)
        self._sequence = itertools.count(1)
        self._socket: web.WebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._authorize])
        api = "/api/v10"
        app.router.add_get(f"{api}/users/@me", self._me)
        app.router.add_get(f"{api}/oauth2/applications/@me", self._application)
        app.router.add_post(f"{api}/channels/{{channel}}/messages", self._send)
        app.router.add_patch(f"{api}/channels/{{channel}}/messages/{{message}}", self._edit)
        app.router.add_post(f"{api}/channels/{{channel}}/messages/{{message}}/threads", self._open_thread)
        app.router.add_get("/gateway/", self._gateway)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.endpoint = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    # ---- the person's actions

    async def say(self, channel: str, content: str) -> str:
        """Write a message; return its id."""
        message_id = str(next(self._ids))
        message = self._message(message_id, channel, content, user(PERSON, "ann"))
        message["member"] = {"roles": [], "flags": 0, "joined_at": "2026-01-01T00:00:00+00:00"}
        if f"<@{BOT}>" in content:
            message["mentions"] = [user(BOT, "threadline", bot=True)]
        await self._dispatch("MESSAGE_CREATE", message)
        return message_id

    async def sees(self, text: str) -> str:
        """Wait until a message of the bot says `text`; return its id."""
        async with asyncio.timeout(30), self.changed:
            while True:
                for message_id, content in self.contents.items():
                    if text in content:
                        return message_id
                await self.changed.wait()

    # ---- REST

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/api/") and request.headers.get("Authorization") != f"Bot {self.token}":
            return answer({"message": "401: Unauthorized", "code": 0}, status=401)
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPNotFound:
            return answer({"message": "404: Not Found", "code": 0}, status=404)
        return response

    async def _me(self, _: web.Request) -> web.Response:
        return answer(user(BOT, "threadline", bot=True))

    async def _application(self, _: web.Request) -> web.Response:
        facts: Json = {"id": BOT, "name": "threadline", "description": "", "icon": None, "verify_key": "00"}
        facts |= {"bot_public": False, "bot_require_code_grant": False, "owner": user(PERSON, "ann")}
        return answer(facts)

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        message_id = str(next(self._ids))
        await self._show(message_id, body["content"])
        return self._answer(message_id, request.match_info["channel"], body)

    async def _edit(self, request: web.Request) -> web.Response:
        body = await request.json()
        await self._show(request.match_info["message"], body["content"])
        return self._answer(request.match_info["message"], request.match_info["channel"], body)

    def _answer(self, message_id: str, channel: str, body: Json) -> web.Response:
        return answer(self._message(message_id, channel, body["content"], user(BOT, "threadline", bot=True)))

    async def _show(self, message_id: str, content: str) -> None:
        async with self.changed:
            self.contents[message_id] = content
            self.changed.notify_all()

    async def _open_thread(self, request: web.Request) -> web.Response:
        body = await request.json()
        thread: Json = {"id": request.match_info["message"], "type": 11, "guild_id": GUILD, "parent_id": CHANNEL}
        thread |= {"owner_id": BOT, "name": body["name"], "message_count": 0, "member_count": 1}
        archive = {"archived": False, "auto_archive_duration": 4320, "archive_timestamp": "2026-01-01T00:00:00+00:00"}
        thread["thread_metadata"] = archive
        self.threads.append(thread)
        await self._dispatch("THREAD_CREATE", {**thread, "newly_created": True})
        return answer(thread, status=201)

    def _message(self, message_id: str, channel: str, content: str, author: Json) -> Json:
        message: Json = {"id": message_id, "channel_id": channel, "guild_id": GUILD, "author": author, "type": 0}
        message |= {"content": content, "timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None}
        message |= {"tts": False, "mention_everyone": False, "mentions": [], "mention_roles": [], "pinned": False}
        return message | {"attachments": [], "embeds": [], "components": []}

    # ---- gateway

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._socket = socket
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41250}, "s": None, "t": None})
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            match json.loads(frame.data):
                case {"op": 1}:
                    await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
                case {"op": 2, "d": {"token": self.token}}:
                    await self._welcome()
        return socket

    async def _welcome(self) -> None:
        me = user(BOT, "threadline", bot=True)
        ready: Json = {"v": 10, "user": me, "guilds": [{"id": GUILD, "unavailable": True}], "session_id": "s"}
        ready |= {"resume_gateway_url": self.endpoint.replace("http", "ws") + "/gateway/", "application": {"id": BOT}}
        await self._dispatch("READY", ready)
        member = {"user": me, "roles": [], "flags": 0, "joined_at": "2026-01-01T00:00:00+00:00"}
        guild: Json = {"id": GUILD, "name": "Lab", "owner_id": PERSON, "member_count": 2, "unavailable": False}
        guild["roles"] = [{"id": ROLE, "name": "@everyone", "permissions": "0", "position": 0, "color": 0}]
        guild["channels"] = [{"id": CHANNEL, "type": 0, "name": "general", "position": 0}]
        await self._dispatch("GUILD_CREATE", {**guild, "members": [member], "threads": []})

    async def _dispatch(self, name: str, data: Json) -> None:
        if self._socket is not None:
            await self._socket.send_json({"op": 0, "t": name, "s": next(self._sequence), "d": data})
