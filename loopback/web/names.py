"""Names for ids, as the readers of a guild or DM see them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from loopback.state.entities import Account, Bot, Guild
from loopback.state.world import World


@dataclass(frozen=True)
class GuildNames:
    """The names for a text in `guild`, or in a DM if it is None."""

    world: World
    guild: Guild | None

    def user(self, user_id: int) -> str | None:
        """Return a user's nickname in the guild, or name."""
        account = self.world.accounts.get(user_id)
        member = self.guild.members.get(user_id) if self.guild else None
        nick = member.nick if member else None
        return nick or (account.name if account else None)

    def role(self, role_id: int) -> str | None:
        """Return a role's name."""
        role = self.guild.roles.get(role_id) if self.guild else None
        return role.name.removeprefix("@") if role else None

    def channel(self, channel_id: int) -> str | None:
        """Return a channel's or thread's name."""
        channel = self.world.channels.get(channel_id)
        return channel.name if channel else None


def persons(world: World) -> list[Account]:
    """Return the people for whom a visitor can act: all but bots and the world's default owner."""
    return [one for one in world.accounts.values() if not isinstance(one, Bot) and one is not world.default_owner]


def chosen(world: World, person_id: str) -> Account | None:
    """Return the person of this id, or the first one; None without people."""
    people = {str(one.id): one for one in persons(world)}
    return people.get(person_id) or next(iter(people.values()), None)
