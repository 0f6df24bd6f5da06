"""Fetches the roles of people who are not at hand, and whether one of them owns the bot.

A message that waits, or was missed, is judged long after its author wrote it. Discord then says on request which roles
its author has now; until it does, there is no verdict.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from bot.rest.api import DiscordApi, RestError
from bot.rest.calls import Urgency
from pool.journal.journal import Journal

from .gate import Person, Place, Refuse, Rules, permits_turn

__all__ = ["Membership"]

KNOWN_SECONDS: Final = 60.0
"""How long a member's roles count as known. Discord tells of changes only with an intent that the bot does without."""

REMEMBERED: Final = 1000
"""Members remembered; of more those are forgotten who were seen first."""

log = structlog.stdlib.get_logger("bot")


class Membership:
    """Who has which roles, and who owns the bot; it outlasts the client that learned it."""

    def __init__(self, *, rules: Callable[[], Rules], journal: Journal, api: DiscordApi) -> None:
        """Start without members. `rules` are those of now."""
        self._rules = rules
        self._journal = journal
        self._api = api
        self._roles: OrderedDict[tuple[int | None, int], tuple[float, frozenset[int]]] = OrderedDict()
        self.owner_ids: frozenset[int] = frozenset()
        """The owner of the bot's application, or its team."""

    def remember(self, guild_id: int, user_id: int, role_ids: frozenset[int]) -> None:
        """Learn which roles a member has now."""
        self._roles[guild_id, user_id] = asyncio.get_running_loop().time(), role_ids
        self._roles.move_to_end((guild_id, user_id))
        if len(self._roles) > REMEMBERED:
            self._roles.popitem(last=False)

    def recent_roles(self, guild_id: int | None, user_id: int) -> frozenset[int] | None:
        """Return the roles of a member as they were a moment ago; None where that is not known."""
        since, role_ids = self._roles.get((guild_id, user_id), (-math.inf, frozenset[int]()))
        return role_ids if asyncio.get_running_loop().time() - since < KNOWN_SECONDS else None

    async def refusal(self, author_id: int, place: Place) -> Refuse | None:
        """Judge what waited, now that its turn begins; with the rules, and the roles of its author, of now.

        Waits for as long as Discord does not tell the roles, where they decide.
        """
        guild_id = place.guild_id
        person = Person(author_id, is_owner=author_id in self.owner_ids)
        refusal = permits_turn(person, place, self._rules())
        if refusal is not None and guild_id is not None and self._rules().by_role:
            person = replace(person, role_ids=await self.role_ids(guild_id, person.user_id))
            refusal = permits_turn(person, place, self._rules())
        return refusal

    async def role_ids(self, guild_id: int, user_id: int) -> frozenset[int]:
        """Return the roles of a member, asking Discord until it says; none of somebody who is no member."""
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
