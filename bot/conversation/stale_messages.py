"""Messages that waited while the gateway was away: each is read again before its turn, as it may have changed."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

STALE_SECONDS: Final = 30.0
"""How long after a READY a turn waits for its stale messages; then they are taken as they were accepted."""


class StaleMessages:
    """The messages of all places that are still to be read again. An event about one settles it too."""

    def __init__(self) -> None:
        """Start with no stale message."""
        self._places: dict[int, int] = {}
        self._deadline = 0.0
        self._known: dict[int, asyncio.Event] = {}
        """The events of stale messages for which a turn waits, set when the message is settled."""

    def begin(self, places: Mapping[int, int]) -> None:
        """Make these messages stale, each in its place, in place of the earlier ones."""
        before, self._places = self._places, dict(places)
        self._deadline = asyncio.get_running_loop().time() + STALE_SECONDS
        for message_id in before.keys() - self._places.keys():
            self._tell(message_id)

    def __contains__(self, message_id: int) -> bool:
        """Whether a message is stale."""
        return message_id in self._places

    def places(self) -> dict[int, int]:
        """Return the places with stale messages, each with the oldest of them."""
        first: dict[int, int] = {}
        for message_id, channel_id in self._places.items():
            first[channel_id] = min(message_id, first.get(channel_id, message_id))
        return first

    def at(self, channel_id: int) -> list[int]:
        """Return the stale messages of a place, oldest first."""
        return sorted(message_id for message_id, place in self._places.items() if place == channel_id)

    def settle(self, *message_ids: int) -> None:
        """Note that the bot knows these messages as they are now."""
        for message_id in message_ids:
            if self._places.pop(message_id, None) is not None:
                self._tell(message_id)

    async def settled(self, message_ids: Collection[int]) -> None:
        """Wait, for a bounded time, until none of these messages is stale."""
        try:
            async with asyncio.timeout_at(self._deadline):
                for message_id in message_ids:
                    while message_id in self._places:
                        await self._known.setdefault(message_id, asyncio.Event()).wait()
        except TimeoutError:
            pass

    def _tell(self, message_id: int) -> None:
        if (known := self._known.pop(message_id, None)) is not None:
            known.set()
