"""The key of the page: only somebody with the server's address, which holds the key, may open it."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

BYTES: Final = 16


class PageKey:
    """The key of one server's page, and tickets that each stand for it once."""

    def __init__(self) -> None:
        self.text = secrets.token_urlsafe(BYTES)
        self._tickets: set[str] = set()

    def opens(self, given: str) -> bool:
        """Whether this is the key."""
        return hmac.compare_digest(given.encode(), self.text.encode())

    def ticket(self) -> str:
        """A word that is taken once in the key's place, for an address that others see: a program's arguments."""
        ticket = secrets.token_urlsafe(BYTES)
        self._tickets.add(ticket)
        return ticket

    def take(self, ticket: str) -> bool:
        """Whether this is a ticket; from now on it is none."""
        known = ticket in self._tickets
        self._tickets.discard(ticket)
        return known
