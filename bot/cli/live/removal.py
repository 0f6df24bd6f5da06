"""Removes all that a live check has made: it finds the bot's own messages, also one whose answer was lost."""

from typing import Any, Final

import aiohttp
import structlog

from bot.cli.texts import live as texts
from bot.operations.start_failure import StartFailed

from .place import Place
from .rest_wire import MOST_REFUSALS_IN_ALL, CallFailed, RestWire

PAGE: Final = 100
PAGES: Final = 20
"""The messages that Discord gives at once, and how often more are asked for: people may write there too."""

GONE: Final = frozenset({200, 204, 404})

log = structlog.stdlib.get_logger("bot")


async def newest_message(rest: RestWire, place: Place) -> int:
    """Return the id of the channel's newest message, 0 for an empty channel. What is made later is above it.

    Raises `CallFailed`.
    """
    found = await _messages(rest, f"/channels/{place.channel_id}/messages?limit=1")
    return int(found[0]["id"]) if found else 0


async def remove_all(rest: RestWire, place: Place, after: int) -> list[str]:
    """Delete the bot's messages above an id in the channel, with their threads. Return the links of what is left."""
    rest.most_refusals = MOST_REFUSALS_IN_ALL
    path = f"/channels/{place.channel_id}/messages"
    try:
        left = []
        for message in await _own_messages(rest, place, after):
            gone = True
            if "thread" in message:
                gone = await _is_deleted(rest, f"/channels/{message['thread']['id']}")
            # A thread outlives its message.
            if not (gone and await _is_deleted(rest, f"{path}/{message['id']}")):
                left.append(texts.link(place.guild_id, place.channel_id, message["id"]))
    except (StartFailed, aiohttp.ClientError, OSError) as error:
        log.warning("a live check could not remove what it made", reason=str(error))
        return [texts.link(place.guild_id, place.channel_id, after)]
    return left


async def _own_messages(rest: RestWire, place: Place, after: int) -> list[dict[str, Any]]:
    own: list[dict[str, Any]] = []
    for _ in range(PAGES):
        page = await _messages(rest, f"/channels/{place.channel_id}/messages?after={after}&limit={PAGE}")
        own += [each for each in page if each["author"]["id"] == str(place.bot_id)]
        if len(page) < PAGE:
            break
        after = max(int(each["id"]) for each in page)
    return own


async def _messages(rest: RestWire, path: str) -> list[dict[str, Any]]:
    answer = await rest.call("GET", path)
    if answer.status != 200 or not isinstance(answer.body, list):
        raise CallFailed(texts.answer(answer.status, answer.code))
    return answer.body


async def _is_deleted(rest: RestWire, path: str) -> bool:
    return (await rest.call("DELETE", path)).status in GONE
