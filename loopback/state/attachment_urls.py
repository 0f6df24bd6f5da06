"""Signed addresses of attachments, good for a day, with Discord's parameters. Pure.

`ex` and `is` are when it ends and when it was given, in hexadecimal seconds; `hm` is the signature (Discord, Signed
Attachment CDN URLs). An address without them, or past its end, leads nowhere.
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
"""For so long one file has one address, so that a page need not fetch it again."""

_KEY: Final = b"loopback"


def path(world: World, one: Attachment) -> str:
    """The file's address as it is given now, without the server's own."""
    given = int(world.clock()) // GIVEN_SECONDS * GIVEN_SECONDS
    ends = f"{given + GIVEN_SECONDS + GOOD_SECONDS:x}"
    place = f"/attachments/{one.channel_id}/{one.id}/{quote(one.filename)}"
    return f"{place}?ex={ends}&is={given:x}&hm={_signature(one.id, ends)}"


def is_good(world: World, attachment_id: int, query: Mapping[str, str]) -> bool:
    """Whether an address was given by this server and is not past its end."""
    ends = query.get("ex", "")
    signed = hmac.compare_digest(query.get("hm", "").encode(), _signature(attachment_id, ends).encode())
    return signed and int(ends, 16) > world.clock()


def _signature(attachment_id: int, ends: str) -> str:
    return hmac.new(_KEY, f"{attachment_id}/{ends}".encode(), hashlib.sha256).hexdigest()
