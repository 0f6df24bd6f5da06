"""The control port: `POST /people/{person}/{act}` and `POST /{cue}` with a JSON object, `GET /` for the list of them.

Answers are JSON. The status is 200 with the result, 204 without one, 400 for a request that cannot be understood, 404
for a name that does not exist, and 409 for what is not so or did not become so in time: the message says what was there
instead. Where Discord would refuse, the answer has Discord's own status and body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aiohttp import web

from loopback.origin_guard import refuse_foreigners
from loopback.server import Loopback
from loopback.state.entities import Bot, Webhook
from loopback.state.errors import DiscordError

from .person_actions import PERSON_ACTIONS, ActionContext
from .request_fields import Action, BadRequest, NotThere, RequestFields, account
from .world_actions import WORLD_ACTIONS

T = TypeVar("T")


def application(server: Loopback) -> web.Application:
    """Return the control port of one server."""
    control = _Control(server)
    app = web.Application(middlewares=[refuse_foreigners])
    app.router.add_get("/", control.describe)
    app.router.add_post("/people/{person}/{act}", control.act_as_person)
    app.router.add_post("/{cue}", control.act_on_world)
    return app


class _Control:
    def __init__(self, server: Loopback) -> None:
        self._server = server

    async def describe(self, _: web.Request) -> web.Response:
        """List all actions with their fields."""
        described = {f"/people/{{person}}/{name}": _described(action) for name, action in PERSON_ACTIONS.items()}
        return _answer(described | {f"/{name}": _described(action) for name, action in WORLD_ACTIONS.items()})

    async def act_as_person(self, request: web.Request) -> web.Response:
        name = request.match_info["act"]
        return await self._perform(request, PERSON_ACTIONS, name, f"no act {name!r}", lambda: self._context(request))

    async def act_on_world(self, request: web.Request) -> web.Response:
        name = request.match_info["cue"]
        return await self._perform(request, WORLD_ACTIONS, name, f"nothing is called {name!r}", lambda: self._server)

    def _context(self, request: web.Request) -> ActionContext:
        person = account(self._server.world, request.match_info["person"])
        if isinstance(person, Bot | Webhook):
            raise BadRequest(f"{person.name!r} is no person")
        return ActionContext(self._server, self._server.person(person))

    async def _perform(
        self,
        request: web.Request,
        actions: Mapping[str, Action[T]],
        name: str,
        unknown: str,
        subject: Callable[[], T],
    ) -> web.Response:
        try:
            action = actions.get(name)
            if action is None:
                raise NotThere(f"{unknown}; there are {sorted(actions)}")  # noqa: TRY301 - answered like all refusals
            fields = RequestFields(self._server.world, await _fields(request), action.fields)
            return _answer(await action.perform(subject(), fields))
        except DiscordError as error:
            return _answer(error.body, error.reason.status)
        except BadRequest as error:
            return _answer({"message": str(error)}, 400)
        except NotThere as error:
            return _answer({"message": str(error)}, 404)
        except AssertionError as error:
            return _answer({"message": str(error)}, 409)


async def _fields(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    try:
        fields = json.loads(raw) if raw else {}
    except ValueError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise BadRequest("the body is to be a JSON object")
    return fields


def _answer(payload: Any, status: int = 200) -> web.Response:
    if payload is None:
        return web.Response(status=204)
    return web.json_response(payload, status=status)


def _described(action: Action[T]) -> dict[str, Any]:
    does = (action.perform.__doc__ or "").strip().partition("\n")[0]
    return {"does": does, "fields": sorted(action.fields)}
