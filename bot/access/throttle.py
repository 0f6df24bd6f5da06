"""Limits how often a person sees a refusal, and counts the turns of other bots."""

import asyncio
from collections import OrderedDict

REFUSAL_SECONDS = 600.0
"""A person sees one refusal of a message in this time."""

REMEMBERED = 1000
"""Keys to remember; beyond them the oldest are forgotten."""


class Throttle:
    """Allows each key once in `seconds`."""

    def __init__(self, seconds: float = REFUSAL_SECONDS) -> None:
        """Start with every key allowed."""
        self._seconds = seconds
        self._said: OrderedDict[object, float] = OrderedDict()

    def allows(self, key: object) -> bool:
        """Whether a key is allowed now; if so, count it."""
        now = asyncio.get_running_loop().time()
        last = self._said.get(key)
        if last is not None and now - last < self._seconds:
            return False
        self._said[key] = now
        self._said.move_to_end(key)
        if len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        return True


class BotTurnCounter:
    """Counts the messages of bots in each place since a person last wrote there."""

    def __init__(self) -> None:
        """Start with every count at zero."""
        self._turns: OrderedDict[int, int] = OrderedDict()

    def shared(self, channel_id: int) -> bool:
        """Whether another bot has written here."""
        return channel_id in self._turns

    def count(self, channel_id: int) -> int:
        """Return the number of answered bot messages since a person wrote."""
        return self._turns.get(channel_id, 0)

    def bot_wrote(self, channel_id: int, *, counts: bool) -> None:
        """Record another bot's message; `counts` if it was accepted, or refused as the first one too many."""
        self._turns[channel_id] = self.count(channel_id) + counts
        self._turns.move_to_end(channel_id)
        if len(self._turns) > REMEMBERED:
            self._turns.popitem(last=False)

    def person_wrote(self, channel_id: int) -> None:
        """Reset the count: bots may continue."""
        if channel_id in self._turns:
            self._turns[channel_id] = 0
