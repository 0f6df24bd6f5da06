"""The remembered roles of members, and verdicts while Discord does not answer. In virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.access.membership import KNOWN_SECONDS, REMEMBERED, Membership
from bot.config.appearance import Reactions
from bot.rest.calls import Urgency
from bot.rest.errors import Gone, TryLater
from tests.bot.exchange_context import context_of_one
from tests.bot.fake_discord import FakeDiscord, pacing, scratch_journal
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

SERVER, ADA = 1, 42


class Roles(FakeDiscord):
    """A Discord in which everyone has the same `roles`; its calls meet the `faults`."""

    def __init__(self) -> None:
        super().__init__()
        self.roles = frozenset({7})

    async def role_ids(self, guild_id: int, user_id: int, *, urgency: Urgency | None) -> frozenset[int]:
        await self._call("roles", str(user_id), urgency)
        return self.roles


@asynccontextmanager
async def membership(folder: Path) -> AsyncIterator[tuple[Membership, Roles]]:
    """Return a membership and its Discord."""
    board = Roles()
    with scratch_journal() as journal:
        async with pacing(board):
            context = context_of_one(folder, journal, board=board, reactions=Reactions(enabled=False))
            yield context.membership, board


async def test_roles_count_for_a_minute(tmp_path: Path) -> None:
    """Then Discord is asked again, so that a lost role loses its rights."""
    async with membership(tmp_path) as (people, board):
        assert await people.role_ids(SERVER, ADA) == {7}
        await elapse(KNOWN_SECONDS / 2)
        assert await people.role_ids(SERVER, ADA) == {7}
        assert board.whats == ["roles"]
        board.roles = frozenset()
        await elapse(KNOWN_SECONDS)
        assert people.recent_roles(SERVER, ADA) is None
        assert await people.role_ids(SERVER, ADA) == frozenset()
        assert board.whats == ["roles", "roles"]


async def test_a_person_who_is_no_member_has_no_roles(tmp_path: Path) -> None:
    """Discord must say so: a failed call is no answer."""
    async with membership(tmp_path) as (people, board):
        board.faults.extend([TryLater("503"), Gone("Unknown Member")])
        assert await people.role_ids(SERVER, ADA) == frozenset()
        assert board.whats == ["roles", "roles"]


async def test_of_very_many_members_the_last_are_remembered(tmp_path: Path) -> None:
    """A large server may have that many authors."""
    async with membership(tmp_path) as (people, _):
        for user_id in range(REMEMBERED + 1):
            people.remember(SERVER, user_id, frozenset())
        assert people.recent_roles(SERVER, 0) is None
        assert people.recent_roles(SERVER, 1) == people.recent_roles(SERVER, REMEMBERED) == frozenset()
