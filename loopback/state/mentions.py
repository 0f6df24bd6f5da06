"""Finds the users and roles that a text pings. Pure.

Source: Discord's developer documentation, "Message Formatting" and "Allowed Mentions Object".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .drafts import AllowedMentions

_CODE: Final = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.DOTALL)
_USER: Final = re.compile(r"<@!?(\d{1,20})>")
_ROLE: Final = re.compile(r"<@&(\d{1,20})>")
_EVERYONE: Final = re.compile(r"@(?:everyone|here)\b")


@dataclass(frozen=True)
class Mentions:
    """The pings of a message: ids in order of appearance."""

    users: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False


def find(content: str, allowed: AllowedMentions) -> Mentions:
    """Return the mentions in `content`, outside code, that `allowed` permits."""
    if "@" not in content:
        return Mentions()
    text = _CODE.sub("", content)
    users = _ids(_USER, text)
    roles = _ids(_ROLE, text)
    return Mentions(
        tuple(one for one in users if "users" in allowed.parse or one in allowed.users),
        tuple(one for one in roles if "roles" in allowed.parse or one in allowed.roles),
        "everyone" in allowed.parse and _EVERYONE.search(text) is not None,
    )


def _ids(pattern: re.Pattern[str], text: str) -> list[int]:
    return list(dict.fromkeys(int(match) for match in pattern.findall(text)))
