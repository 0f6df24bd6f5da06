"""Signed addresses of attachments with Discord's parameters, valid for a day. Pure.

`ex` and `is` are the times of expiry and of issue in hexadecimal seconds, and `hm` is the signature (Discord, Signed
Attachment CDN URLs). An expired or unsigned address gets 404.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from .entities import Attachment
from .world import World

GOOD_SECONDS: Final = 24 * 3600

GIVEN_SECONDS: Final = 3600
"""The time for which a file keeps one address, so that a page does not fetch it again."""

_KEY: Final = b"loopback"


def path(world: World, one: Attachment) -> str:
    """Return the file's current address below the server's own."""
    given = int(world.clock()) // GIVEN_SECONDS * GIVEN_SECONDS
    ends = f"{given + GIVEN_SECONDS + GOOD_SECONDS:x}"
    place = f"/attachments/{one.channel_id}/{one.id}/{quote(one.filename)}"
    return f"{place}?ex={ends}&is={given:x}&hm={_signature(one.id, ends)}"


def is_good(world: World, attachment_id: int, query: Mapping[str, str]) -> bool:
    """Return whether this server issued the address and it has not expired."""
    ends = query.get("ex", "")
    signed = hmac.compare_digest(query.get("hm", "").encode(), _signature(attachment_id, ends).encode())
    return signed and int(ends, 16) > world.clock()


def _signature(attachment_id: int, ends: str) -> str:
    return hmac.new(_KEY, f"{attachment_id}/{ends}".encode(), hashlib.sha256).hexdigest()
