"""The key of the page, which is part of the address that the server prints."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

BYTES: Final = 16


class PageKey:
    """The key of one server's page, and tickets that each replace it once."""

    def __init__(self) -> None:
        self.text = secrets.token_urlsafe(BYTES)
        self._tickets: set[str] = set()

    def opens(self, given: str) -> bool:
        """Return whether this is the key."""
        return hmac.compare_digest(given.encode(), self.text.encode())

    def ticket(self) -> str:
        """Return a ticket, for an address that others can see, like a program's arguments."""
        ticket = secrets.token_urlsafe(BYTES)
        self._tickets.add(ticket)
        return ticket

    def take(self, ticket: str) -> bool:
        """Return whether this is an unused ticket, and use it up."""
        known = ticket in self._tickets
        self._tickets.discard(ticket)
        return known
