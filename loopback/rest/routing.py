"""Serves REST requests: the caller, the body, faults and limits, the route, Discord's answer, and the log entry.

Routes never await, so requests take effect in the order in which their bodies arrive.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from loopback.state import attachment_urls
from loopback.state.clock import Clock
from loopback.state.entities import Bot
from loopback.state.errors import DiscordError, Reason
from loopback.state.faults import Faults, RestFault
from loopback.state.field_types import id_in
from loopback.state.strict_rules import StrictRule
from loopback.state.world import World

from . import bodies
from .bodies import Body
from .call_log import CallLog, RestCall
from .conformance import Violations
from .rate_limits import UNLIMITED, Limits, Verdict
from .routes import ROUTES, Call, Route

PREFIX: Final = "/api/v10"
_COMPRESSED: Final = frozenset(
    {"application/json", "application/javascript", "application/xml", "application/xhtml+xml", "image/svg+xml"}
)
_MAJOR: Final = ("channel_id", "guild_id", "application_id", "webhook_id")

# SO_LINGER with these values makes close() send a reset.
_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Conditions:
    """What every request passes before its route."""

    clock: Clock
    limits: Limits
    faults: Faults
    violations: Violations


@dataclass(frozen=True)
class _Answer:
    status: int
    json: Any
    verdict: Verdict = UNLIMITED
    banned: bool = False


class Rest:
    """Serves one world's REST routes, and calls `recorded` after each entry in `record`."""

    def __init__(self, world: World, conditions: Conditions, record: CallLog, recorded: Callable[[], None]) -> None:
        self._world = world
        self._conditions = conditions
        self._record = record
        self._recorded = recorded

    def attach(self, app: web.Application) -> None:
        """Add the routes, the attachments, and an answer to all other paths below /api."""
        for route in ROUTES:
            app.router.add_route(route.method, PREFIX + route.path, self._serving(route))
        app.router.add_get("/attachments/{channel_id}/{attachment_id}/{filename:[^/]+}", self._attachment)
        app.router.add_route("*", "/api/{rest:.*}", self._serving(None))

    def _serving(self, route: Route | None) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            return await self._serve(route, request)

        return serve

    async def _serve(self, route: Route | None, request: web.Request) -> web.Response:
        started = self._world.monotonic()
        caller = self._caller(request)
        body, trouble = Body(), None
        try:
            body = await bodies.read(request)
            path = request.path.removeprefix(PREFIX)
            trouble = self._conditions.faults.strike_call(request.method, path, caller, body.json)
            if trouble is None or trouble.spares_the_effect:
                answer = self._answer(route, request, caller, body)
            else:
                answer = _Answer(trouble.status or 0, trouble.body)
        except DiscordError as error:
            answer = _Answer(error.reason.status, error.body)
        shared = answer.verdict.shared or (trouble is not None and trouble.shared)
        self._conditions.limits.note(answer.status, shared=shared)
        if trouble is not None and trouble.slow:
            await self._conditions.clock.sleep(trouble.slow)
        self._note(request, caller, body, answer, started, trouble)
        return _respond(request, answer, trouble)

    def _authorized(self, request: web.Request) -> Bot | None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._world.bots_by_token.get(token) if kind == "Bot" else None

    def _caller(self, request: web.Request) -> Bot | None:
        """Find the caller by its token, or by the interaction or the webhook in the path."""
        names = request.match_info
        if interaction_id := names.get("interaction_id", ""):
            interaction = self._world.interactions.get(id_in(interaction_id))
            return interaction.bot if interaction else None
        application = self._world.bots_by_application.get(id_in(names.get("webhook_id", "")))
        return application if application and "token" in names else self._authorized(request)

    def _answer(self, route: Route | None, request: web.Request, caller: Bot | None, body: Body) -> _Answer:
        if self._conditions.limits.banned:
            return _Answer(429, None, banned=True)
        if route is None:
            raise DiscordError(Reason.NOT_FOUND)
        if route.needs_token and caller is None:
            raise DiscordError(Reason.UNAUTHORIZED)
        limits = self._conditions.limits
        call = Call(self._world, limits, caller, request.match_info, request.query, body.json, body.uploads)
        verdict = UNLIMITED
        if caller is not None and route.needs_token:
            major = next((request.match_info[name] for name in _MAJOR if name in request.match_info), "")
            verdict = limits.admit(caller.id, route.method, major, route.limits_of(call))
        if verdict.refused:
            return _Answer(429, _slow_down(verdict), verdict)
        try:
            result = route.act(call)
        except DiscordError as error:
            return _Answer(error.reason.status, error.body, verdict)
        return _Answer(204 if result is None else route.status, result, verdict)

    def _note(
        self,
        request: web.Request,
        caller: Bot | None,
        body: Body,
        answer: _Answer,
        started: float,
        trouble: RestFault | None,
    ) -> None:
        path = request.path.removeprefix(PREFIX)
        self._record.note(
            RestCall(
                method=request.method,
                path=path,
                query=dict(request.query),
                body=body.json,
                files=tuple((upload.filename, len(upload.content)) for upload in body.uploads),
                status=answer.status,
                started=started,
                finished=self._world.monotonic(),
                bot=caller,
                error=answer.json if answer.status >= 400 else None,
                fault=None if trouble is None else str(trouble),
            )
        )
        if trouble is None or trouble.spares_the_effect:
            self._conditions.violations.see_call(request.method, path, body.json, answer.status, answer.json)
        self._recorded()

    async def _attachment(self, request: web.Request) -> web.Response:
        channel = self._world.channels.get(id_in(request.match_info["channel_id"]))
        wanted = request.match_info["attachment_id"]
        for message in channel.messages.values() if channel else ():
            for one in message.attachments:
                if str(one.id) == wanted and one.content is not None:
                    if not attachment_urls.is_good(self._world, one.id, request.query):
                        return web.Response(status=404, text="This content is no longer available.")
                    kind = one.content_type or "application/octet-stream"
                    # A browser must not run an uploaded file.
                    name = f"attachment; filename*=UTF-8''{quote(one.filename)}"
                    headers = {"Content-Disposition": name, "Content-Type": kind, "X-Content-Type-Options": "nosniff"}
                    content = one.content if StrictRule.FILE_BYTES in self._world.rules else one.content[:-1]
                    accepted = "gzip" in request.headers.get("Accept-Encoding", "")
                    if _is_text(kind) and (accepted or StrictRule.FILE_ENCODINGS not in self._world.rules):
                        content, headers["Content-Encoding"] = gzip.compress(content), "gzip"
                    return web.Response(body=content, headers=headers)
        return _respond(request, _Answer(404, DiscordError(Reason.NOT_FOUND).body), None)


def _is_text(kind: str) -> bool:
    """Return whether Discord's file servers compress this type for clients that accept it."""
    return kind.startswith("text/") or kind.partition(";")[0] in _COMPRESSED


def _slow_down(verdict: Verdict) -> dict[str, Any]:
    rule = verdict.broken
    if rule is None:
        raise ValueError("not refused")
    everywhere = "X-RateLimit-Global" in verdict.headers
    body: dict[str, Any] = {
        "message": rule.message,
        "retry_after": max(0.001, round(verdict.retry_after, 3)),
        "global": everywhere,
    }
    return {**body, "code": rule.code}


def _respond(request: web.Request, answer: _Answer, trouble: RestFault | None) -> web.Response:
    if trouble is not None and trouble.cuts:
        _cut(request, with_reset=trouble.reset)
        return web.Response(status=500)
    # discord.py takes a 429 without Via for Cloudflare's.
    headers = {"Via": "1.1 loopback", **answer.verdict.headers}
    if trouble is not None and trouble.status is not None:
        content, kind = trouble.payload
        return web.Response(status=trouble.status, body=content, headers=trouble.headers, content_type=kind)
    if trouble is not None and trouble.answer_lost:
        content, kind = trouble.payload
        return web.Response(status=answer.status, body=content, headers=headers, content_type=kind)
    if answer.banned:
        return web.Response(status=429, text="error code: 1015", headers={"Retry-After": "3600"})
    if answer.json is None:
        return web.Response(status=answer.status, headers=headers)
    text = json.dumps(answer.json, separators=(",", ":")).encode()
    return web.Response(status=answer.status, body=text, headers=headers, content_type="application/json")


def _cut(request: web.Request, *, with_reset: bool) -> None:
    """End the connection without an answer."""
    transport = request.transport
    if transport is None:
        return
    if with_reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    transport.abort()
