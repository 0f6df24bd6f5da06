"""Actions on the world over HTTP: arrange, inspect, and inject faults, one function each; see `GET /`."""

from __future__ import annotations

import re
from typing import Any, Final

from loopback.rest.rate_limits import Limit
from loopback.server import Loopback
from loopback.state.faults import Fault, GatewayFault, for_calls
from loopback.state.strict_rules import StrictRule

from . import views
from .request_fields import Action, BadRequest, NotThere, RequestFields


async def _world(server: Loopback, _: RequestFields) -> Any:
    """Everything there is: guilds, channels and threads, people, bots."""
    return views.world(server.world)


async def _messages(server: Loopback, fields: RequestFields) -> Any:
    """What everybody sees in a channel, oldest first, each with every content it ever had."""
    return [views.message(server.world, one) for one in server.messages(fields.channel("channel"))]


async def _calls(server: Loopback, fields: RequestFields) -> Any:
    """The bots' REST calls; waits until there are `at_least` that fit `method`, `path` (a beginning), `status`."""

    def fitting() -> list[Any]:
        return [
            one
            for one in server.record
            if ("method" not in fields or one.method == fields.text("method"))
            and ("path" not in fields or one.path.startswith(fields.text("path")))
            and ("status" not in fields or one.status == fields.number("status"))
        ]

    least = fields.number("at_least", 0)
    try:
        await server.until(lambda: len(fitting()) >= least, timeout=fields.timeout)
    except TimeoutError:
        raise AssertionError(f"there were {len(fitting())} such calls") from None
    return [views.call(one) for one in fitting()]


async def _guild(server: Loopback, fields: RequestFields) -> Any:
    """A new guild."""
    return {"id": str(server.add_guild(fields.text("name")).id)}


async def _channel(server: Loopback, fields: RequestFields) -> Any:
    """A new channel of a guild; `kind` 0 is text, 2 voice, 5 announcements, 13 a stage, 15 a forum, 16 media."""
    return views.channel(
        server.add_channel(fields.guild("guild"), fields.text("name"), kind=int(fields.number("kind", 0)))
    )


async def _person(server: Loopback, fields: RequestFields) -> Any:
    """A new person, member of `guilds`."""
    return {"id": str(server.add_person(fields.text("name"), guilds=fields.guilds("guilds")).id)}


async def _bot(server: Loopback, fields: RequestFields) -> Any:
    """A new bot with a token, member of `guilds`."""
    try:
        bot = server.add_bot(fields.text("name"), token=fields.text("token"), guilds=fields.guilds("guilds"))
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return {"id": str(bot.id), "application": str(bot.application_id)}


async def _connected(server: Loopback, fields: RequestFields) -> None:
    """Wait until a bot is connected to the gateway."""
    await server.connected(fields.bot("bot"), timeout=fields.timeout)


async def _drop(server: Loopback, fields: RequestFields) -> None:
    """Close a bot's gateway connection; with `resume` false its session is over."""
    server.drop_gateway(fields.bot("bot"), resume=fields.truth("resume", default=True))


async def _fault(server: Loopback, fields: RequestFields) -> Any:
    """A rule that makes REST calls go wrong; `path` is a beginning, `pattern` a regular expression."""
    rule = dict(fields.object("rule"))
    try:
        if "pattern" in rule:
            rule["path"] = re.compile(str(rule.pop("pattern")))
        return views.fault(server.faults.add(for_calls(**rule)))
    except (TypeError, ValueError, re.error) as error:
        raise BadRequest(str(error)) from None


async def _event_fault(server: Loopback, fields: RequestFields) -> Any:
    """A rule about gateway events: the `effect` is lost, twice, or swapped with the next."""
    try:
        effect = GatewayFault(fields.text("effect"))
    except ValueError:
        raise BadRequest(f"'effect' is one of {[str(one) for one in GatewayFault]}") from None
    event = fields.text("event") if "event" in fields else None
    return views.fault(server.faults.add(Fault(effect, event=event, times=int(fields.number("times", 1)))))


async def _faults(server: Loopback, _: RequestFields) -> Any:
    """The rules in force."""
    return [views.fault(one) for one in server.faults]


async def _remove_fault(server: Loopback, fields: RequestFields) -> None:
    """End the rule with the number `fault`."""
    for one in server.faults:
        if one.number == fields.number("fault"):
            one.remove()
            return
    raise NotThere(f"no rule {fields.number('fault'):g}")


async def _limits(server: Loopback, fields: RequestFields) -> Any:
    """What is limited; `active` lists what is enforced from now on."""
    if "active" in fields:
        try:
            server.limits.active = {Limit(one) for one in fields.many("active")}
        except ValueError as error:
            raise BadRequest(str(error)) from None
    return views.limits(server.limits)


async def _rules(server: Loopback, fields: RequestFields) -> Any:
    """The strict rules; `active` lists those in force from now on."""
    if "active" in fields:
        try:
            active = {StrictRule(one) for one in fields.many("active")}
        except ValueError as error:
            raise BadRequest(str(error)) from None
        server.rules.intersection_update(active)
        server.rules.update(active)
    return {"active": sorted(server.rules)}


async def _jump(server: Loopback, fields: RequestFields) -> Any:
    """Let so many `seconds` have passed for limits, interactions and slow answers."""
    try:
        server.jump(fields.number("seconds"))
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return {"now": server.clock()}


WORLD_ACTIONS: Final = {
    "world": Action.of(_world),
    "messages": Action.of(_messages, "channel"),
    "calls": Action.of(_calls, "method", "path", "status", "at_least", "timeout"),
    "add_guild": Action.of(_guild, "name"),
    "add_channel": Action.of(_channel, "guild", "name", "kind"),
    "add_person": Action.of(_person, "name", "guilds"),
    "add_bot": Action.of(_bot, "name", "token", "guilds"),
    "connected": Action.of(_connected, "bot", "timeout"),
    "drop_gateway": Action.of(_drop, "bot", "resume"),
    "fault": Action.of(_fault, "rule"),
    "event_fault": Action.of(_event_fault, "event", "effect", "times"),
    "faults": Action.of(_faults),
    "remove_fault": Action.of(_remove_fault, "fault"),
    "limits": Action.of(_limits, "active"),
    "rules": Action.of(_rules, "active"),
    "jump": Action.of(_jump, "seconds"),
}
