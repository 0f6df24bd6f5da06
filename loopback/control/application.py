"""The control port: `POST /people/{person}/{act}` and `POST /{cue}` with a JSON object, `GET /` for the list of them.

Answers are JSON: 200 with what came of it, 204 for nothing to tell. 400: not understood; 404: names nothing; 409: it
is not so, or did not become so in time, and the message says what was there instead; and where Discord itself would
refuse, its own status and body.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from loopback.origin_guard import refuse_foreigners
from loopback.server import Loopback
from loopback.state.entities import Bot, Webhook
from loopback.state.errors import DiscordError

from .person_actions import PERSON_ACTIONS, ActionContext
from .request_fields import BadRequest, NotThere, RequestFields, account
from .world_actions import WORLD_ACTIONS


def application(server: Loopback) -> web.Application:
    """The control port of one server."""
    control = _Control(server)
    app = web.Application(middlewares=[refuse_foreigners])
    app.router.add_get("/", control.describe)
    app.router.add_post("/people/{person}/{act}", control.act)
    app.router.add_post("/{cue}", control.follow)
    return app


class _Control:
    def __init__(self, server: Loopback) -> None:
        self._server = server

    async def describe(self, _: web.Request) -> web.Response:
        """Everything that can be asked, with its fields."""
        acts = {
            f"/people/{{person}}/{name}": {"does": _first_line(act.perform), "fields": sorted(act.fields)}
            for name, act in PERSON_ACTIONS.items()
        }
        cues = {
            f"/{name}": {"does": _first_line(cue.follow), "fields": sorted(cue.fields)}
            for name, cue in WORLD_ACTIONS.items()
        }
        return _answer({**acts, **cues})

    async def act(self, request: web.Request) -> web.Response:
        """A person acts."""
        try:
            act = PERSON_ACTIONS.get(request.match_info["act"])
            if act is None:
                raise NotThere(f"no act {request.match_info['act']!r}; there are {sorted(PERSON_ACTIONS)}")
            asked = RequestFields(self._server.world, await _fields(request), act.fields)
            who = account(self._server.world, request.match_info["person"])
            if isinstance(who, Bot | Webhook):
                raise BadRequest(f"{who.name!r} is no person")
            return _answer(await act.perform(ActionContext(self._server, self._server.person(who)), asked))
        except _REFUSALS as error:
            return _refusal(error)

    async def follow(self, request: web.Request) -> web.Response:
        """Something is arranged or looked at."""
        try:
            cue = WORLD_ACTIONS.get(request.match_info["cue"])
            if cue is None:
                raise NotThere(f"nothing is called {request.match_info['cue']!r}; there are {sorted(WORLD_ACTIONS)}")
            asked = RequestFields(self._server.world, await _fields(request), cue.fields)
            return _answer(await cue.follow(self._server, asked))
        except _REFUSALS as error:
            return _refusal(error)


_REFUSALS = (BadRequest, NotThere, AssertionError, DiscordError)


def _refusal(error: Exception) -> web.Response:
    match error:
        case DiscordError():
            return _answer(error.body, error.reason.status)
        case BadRequest():
            return _answer({"message": str(error)}, 400)
        case NotThere():
            return _answer({"message": str(error)}, 404)
        case _:
            return _answer({"message": str(error)}, 409)


async def _fields(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    try:
        fields = json.loads(raw) if raw else {}
    except ValueError:
        raise BadRequest("the body is no JSON") from None
    if not isinstance(fields, dict):
        raise BadRequest("the body is to be a JSON object")
    return fields


def _answer(payload: Any, status: int = 200) -> web.Response:
    if payload is None:
        return web.Response(status=204)
    return web.json_response(payload, status=status)


def _first_line(function: object) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0]
