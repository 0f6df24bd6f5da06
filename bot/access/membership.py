"""Fetches the roles of authors whose messages do not carry them, and knows the bot's owners.

A message that waited, or was missed, is judged long after it was written. Its author's current roles come from
Discord, and the verdict waits for them.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from bot.rest.api import DiscordApi
from bot.rest.calls import Urgency
from bot.rest.errors import RestError
from pool.journal.journal import Journal

from .gate import Person, Place, Refuse, Rules, permits_turn

KNOWN_SECONDS: Final = 60.0
"""How long a member's roles stay valid. Discord reports changes only with an intent that the bot does not use."""

REMEMBERED: Final = 1000
"""Members to remember; beyond them the oldest are forgotten."""

log = structlog.stdlib.get_logger("bot")


class Membership:
    """The recent roles of members, and the bot's owners; it outlasts each client."""

    def __init__(self, *, rules: Callable[[], Rules], journal: Journal, api: DiscordApi) -> None:
        """`rules` returns the current rules."""
        self._rules = rules
        self._journal = journal
        self._api = api
        self._roles: OrderedDict[tuple[int | None, int], tuple[float, frozenset[int]]] = OrderedDict()
        self.owner_ids: frozenset[int] = frozenset()
        """The owners of the bot's application."""

    def remember(self, guild_id: int, user_id: int, role_ids: frozenset[int]) -> None:
        """Record a member's current roles."""
        self._roles[guild_id, user_id] = asyncio.get_running_loop().time(), role_ids
        self._roles.move_to_end((guild_id, user_id))
        if len(self._roles) > REMEMBERED:
            self._roles.popitem(last=False)

    def recent_roles(self, guild_id: int | None, user_id: int) -> frozenset[int] | None:
        """Return the roles of a member if they are still valid; None otherwise."""
        since, role_ids = self._roles.get((guild_id, user_id), (-math.inf, frozenset[int]()))
        return role_ids if asyncio.get_running_loop().time() - since < KNOWN_SECONDS else None

    async def refusal(self, author_id: int, place: Place) -> Refuse | None:
        """Judge a message before its turn, by the current rules and its author's current roles.

        Waits for the roles if they decide, for as long as Discord takes.
        """
        guild_id = place.guild_id
        person = Person(author_id, is_owner=author_id in self.owner_ids)
        refusal = permits_turn(person, place, self._rules())
        if refusal is not None and guild_id is not None and self._rules().by_role:
            person = replace(person, role_ids=await self.role_ids(guild_id, person.user_id))
            refusal = permits_turn(person, place, self._rules())
        return refusal

    async def role_ids(self, guild_id: int, user_id: int) -> frozenset[int]:
        """Return the roles of a member, retrying until Discord answers; empty for a person who is no member."""
        if (known := self.recent_roles(guild_id, user_id)) is not None:
            return known

        async def ask() -> frozenset[int]:
            async with self._api.pacer.turn(Urgency.EDIT):
                known = self.recent_roles(guild_id, user_id)  # Another caller may have asked while this one waited.
                return await self._api.role_ids(guild_id, user_id, urgency=None) if known is None else known

        try:
            role_ids = await self._api.retrying(
                ask,
                on_failure=lambda error, _: log.info(
                    "a member's roles cannot be read yet", user_id=user_id, reason=str(error)
                ),
            )
        except RestError as error:
            log.warning("a member's roles cannot be read", user_id=user_id, reason=str(error))
            role_ids = frozenset()
        self.remember(guild_id, user_id, role_ids)
        return role_ids
