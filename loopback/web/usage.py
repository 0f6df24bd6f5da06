"""The bots' use of Discord's limits, for the page's side panel. Pure.

It includes limits that are not enforced, to show how near a bot comes to them.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from loopback.rest.call_log import CallLog, RestCall
from loopback.rest.rate_limits import RULES, Limit, Limits, Window
from loopback.state.entities import Json
from loopback.state.world import World

SECONDS: Final = 30
CALLS: Final = 12
CALLS_INSPECTED: Final = 3_000
"""The bound on inspected calls in a flood."""

NAME: Final = 24
_CHANNEL: Final = re.compile(r"(?<=/channels/)[0-9]{1,20}")
_LONG: Final = re.compile(r"(?<!/channels/)(?<=/)(?:[0-9]{15,20}|[\w-]{30,})")


def usage(world: World, record: CallLog, limits: Limits) -> Json:
    """Return calls a second (the newest last), refusals, running windows and the last calls."""
    now = world.monotonic()
    recent = [call for call in islice(reversed(record), CALLS_INSPECTED) if now - call.finished < SECONDS]
    seconds = [0] * SECONDS
    for call in recent:
        seconds[SECONDS - 1 - max(0, int(now - call.finished))] += 1
    # The rate is of the last whole second, because the current one is incomplete.
    rate = sum(now - call.finished < 1 for call in recent)
    return {
        "rate": rate,
        "most": RULES[Limit.GLOBAL].limit,
        "enforced": sorted(limits.active),
        "seconds": seconds,
        "refused": sum(call.status == 429 for call in recent),
        "refusals": limits.refusals,
        "windows": [_window(world, limits, one) for one in limits.windows() if one.major],
        "calls": [_call(world, call) for call in recent[:CALLS]],
    }


def _window(world: World, limits: Limits, one: Window) -> Json:
    rule = limits.rule(one.limit)
    channel = world.channels.get(int(one.major)) if one.major.isdigit() else None
    return {
        "name": str(one.limit).replace("_", " "),
        "method": one.method,
        "place": channel.name if channel and channel.name else "",
        "used": min(rule.limit, rule.limit - one.left),
        "limit": rule.limit,
        "seconds": rule.seconds,
    }


def _call(world: World, call: RestCall) -> Json:
    return {
        "method": call.method,
        "path": readable(world, call.path),
        "status": call.status,
        "ms": round((call.finished - call.started) * 1000, 1),
        "bot": call.bot.name if call.bot else "",
    }


def readable(world: World, path: str) -> str:
    """Return the path with channel names, and without long ids and secrets."""

    def named(found: re.Match[str]) -> str:
        channel = world.channels.get(int(found[0]))
        name = channel.name if channel else ""
        return f"#{name if len(name) <= NAME else name[: NAME - 1] + '…'}" if name else found[0]

    return _CHANNEL.sub(named, _LONG.sub("…", path))
