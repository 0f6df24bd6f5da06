"""The users and roles that a message pings. Pure."""

from dataclasses import dataclass

MOST = 5
"""People and roles that one message may ping, in total."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """People and roles to ping."""

    user_ids: tuple[int, ...] = ()
    role_ids: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Write them in Discord's Markdown."""
        people = [f"<@{user_id}>" for user_id in self.user_ids]
        return " ".join([*people, *(f"<@&{role_id}>" for role_id in self.role_ids)])


NO_MENTIONS = Mentions()
