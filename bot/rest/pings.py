"""The users and roles that a message pings. Pure."""

from dataclasses import dataclass

__all__ = ["MOST", "NOBODY", "Mentions"]

MOST = 5
"""People and roles that one message pings, all in all."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """People and roles."""

    user_ids: tuple[int, ...] = ()
    role_ids: tuple[int, ...] = ()

    def __str__(self) -> str:
        """As Discord's Markdown writes them."""
        people = [f"<@{user_id}>" for user_id in self.user_ids]
        return " ".join([*people, *(f"<@&{role_id}>" for role_id in self.role_ids)])


NOBODY = Mentions()
