"""Removes all that a live check has made: it finds the bot's own messages, also one whose answer was lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import structlog

from bot.cli.texts import live as texts
from bot.operations.start_failure import StartFailed

from .place import Place
from .rest_wire import MOST_REFUSALS_IN_ALL, UNREADABLE, CallFailed, RestWire

PAGE: Final = 100
PAGES: Final = 20
"""The messages that Discord gives at once, and how often more are asked for: people may write there too."""

REMOVAL_SECONDS: Final = 300.0
"""Bound on deleting everything; fifty threads with their messages take half of it."""

GONE: Final = frozenset({200, 204, 404})

Made = tuple[str, list[str]]
"""A link to something that was made, and the paths to delete for it, in order."""

log = structlog.stdlib.get_logger("bot")


async def newest_message(rest: RestWire, place: Place) -> int:
    """Return the id of the channel's newest message, 0 for an empty channel. What is made later is above it.

    Raises `CallFailed`.
    """
    found = await _messages(rest, f"/channels/{place.channel_id}/messages?limit=1")
    return int(found[0]["id"]) if found else 0


async def remove_all(rest: RestWire, place: Place, after: int) -> list[str]:
    """Delete the bot's messages above an id in the channel, with their threads, and its posts in the forum.

    Returns the links of what is left, after REMOVAL_SECONDS at the latest.
    """
    rest.most_refusals = MOST_REFUSALS_IN_ALL
    left: list[str] = []
    try:
        async with asyncio.timeout(REMOVAL_SECONDS):
            async for link, paths in _made(rest, place, after):
                if not all([await _is_deleted(rest, path) for path in paths]):
                    left.append(link)
    except (StartFailed, aiohttp.ClientError, OSError, *UNREADABLE) as error:
        log.warning("a live check could not delete all that it made", reason=str(error))
        left.append(texts.link(place.guild_id, place.channel_id, after))
    return left


async def _made(rest: RestWire, place: Place, after: int) -> AsyncIterator[Made]:
    for post in await _posts(rest, place):
        if int(post["id"]) > after:
            yield texts.link(place.guild_id, post["id"]), [f"/channels/{post['id']}"]
    for message in await _own_messages(rest, place, after):
        # A thread outlives its message.
        threads = [f"/channels/{message['thread']['id']}"] if "thread" in message else []
        link = texts.link(place.guild_id, place.channel_id, message["id"])
        yield link, [*threads, f"/channels/{place.channel_id}/messages/{message['id']}"]


async def _posts(rest: RestWire, place: Place) -> list[dict[str, Any]]:
    """Return the bot's open posts in the forum."""
    if place.forum is None:
        return []
    answer = await rest.call("GET", f"/guilds/{place.guild_id}/threads/active")
    wanted = str(place.forum.channel_id), str(place.bot_id)
    return [each for each in answer.body["threads"] if (each["parent_id"], each["owner_id"]) == wanted]


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
    try:
        return (await rest.call("DELETE", path)).status in GONE
    except CallFailed:
        return False
