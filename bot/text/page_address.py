"""The address of a page that an agent wants a person to open: whether it may be shown, and where it leads. Pure."""

import re
from collections.abc import Mapping
from enum import Enum, auto
from ipaddress import IPv4Address
from types import MappingProxyType
from urllib.parse import urlsplit

LONGEST_LINK = 512
"""Characters in the address of a link button (Discord, Button Structure)."""

PORTS: Mapping[str, int] = MappingProxyType({"https": 443, "http": 80})
"""The usual port of each scheme."""

_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*")
"""A plain host name or address. A browser reads others, such as `%65`, differently from people."""


class AddressFault(Enum):
    """What is wrong with an address."""

    UNSHOWABLE = auto()
    """It is too long, or has characters that do not print as they are."""
    INVALID = auto()
    SCHEME = auto()
    DECEPTIVE = auto()
    """It hides where it leads."""


class UnsafeAddress(Exception):
    """An address that may deceive, or cannot be shown."""

    def __init__(self, fault: AddressFault) -> None:
        super().__init__(fault.name.lower())
        self.fault = fault


def host_of(url: str, *, plain: bool = False) -> str:
    """Return the host of an address, with its port unless that is the usual one. Raises `UnsafeAddress`.

    `plain` allows `http` too; the host then begins with `http://`.
    """
    if len(url) > LONGEST_LINK or not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "`" in url:
        raise UnsafeAddress(AddressFault.UNSHOWABLE)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UnsafeAddress(AddressFault.INVALID) from None
    if parts.scheme != "https" and not (plain and parts.scheme == "http"):
        raise UnsafeAddress(AddressFault.SCHEME)
    if "@" in parts.netloc or not _HOST.fullmatch(host) or _is_number_in_disguise(host):
        raise UnsafeAddress(AddressFault.DECEPTIVE)
    shown = f"[{host}]" if ":" in host else host
    shown = shown if port in (None, PORTS[parts.scheme]) else f"{shown}:{port}"
    return shown if parts.scheme == "https" else f"http://{shown}"


def _is_number_in_disguise(host: str) -> bool:
    """Whether a browser reads a host as a hidden IPv4 address (WHATWG URL, ends in a number)."""
    try:
        IPv4Address(host)
    except ValueError:
        return re.fullmatch(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", host) is not None
    return False
