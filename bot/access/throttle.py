"""Limits how often the bot says something to one person, and how long it talks with other bots."""

import asyncio
from collections import OrderedDict

__all__ = ["BotTurnCounter", "Throttle"]

REFUSAL_SECONDS = 600.0
"""A person sees at most one refusal of a message in this time."""

REMEMBERED = 1000
"""People, or places, remembered for such a purpose; of more the oldest are forgotten."""


class Throttle:
    """Lets something be said about each key once in `seconds`."""

    def __init__(self, seconds: float = REFUSAL_SECONDS) -> None:
        """Start with every key allowed."""
        self._seconds = seconds
        self._said: OrderedDict[object, float] = OrderedDict()

    def allows(self, key: object) -> bool:
        """Whether it is time to say it; if so, it counts as said."""
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
    """Counts, by place, the messages of bots since a person last wrote; and knows where other bots write at all."""

    def __init__(self) -> None:
        """Start with every count at zero."""
        self._turns: OrderedDict[int, int] = OrderedDict()

    def shared(self, channel_id: int) -> bool:
        """Whether another bot was seen here."""
        return channel_id in self._turns

    def count(self, channel_id: int) -> int:
        """How many were answered since a person wrote."""
        return self._turns.get(channel_id, 0)

    def bot_wrote(self, channel_id: int, *, counts: bool) -> None:
        """Learn of another bot's message; `counts` says that it was taken up, or was the first one too many."""
        self._turns[channel_id] = self.count(channel_id) + counts
        self._turns.move_to_end(channel_id)
        if len(self._turns) > REMEMBERED:
            self._turns.popitem(last=False)

    def person_wrote(self, channel_id: int) -> None:
        """Learn of a person's message: bots may go on."""
        if channel_id in self._turns:
            self._turns[channel_id] = 0
