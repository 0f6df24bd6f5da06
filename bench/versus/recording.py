"""The recording of a scene: what was said and seen, with times."""

import time
from typing import Any

from loopback import Loopback, Message
from loopback.state.world_events import MessageCreated


class Recording:
    """Keeps every message that was ever posted, also those that were deleted later, and what was done to the bot."""

    def __init__(self, discord: Loopback) -> None:
        """Record this Discord from now on."""
        self._discord = discord
        self._began = time.monotonic()
        self._messages: list[Message] = []
        self._notes: list[dict[str, Any]] = []
        discord.world.listeners.append(self._listen)

    def _listen(self, event: object) -> None:
        if isinstance(event, MessageCreated):
            self._messages.append(event.message)

    def note(self, what: str, **more: object) -> None:
        """Note what is done to the bot."""
        self._notes.append({"at": self._since(time.monotonic()), "what": what, **more})

    def _since(self, moment: float) -> float:
        return round(moment - self._began, 3)

    def tell(self) -> dict[str, Any]:
        """Return the recording as JSON: seconds since its beginning, and every content that each message had."""
        accounts = self._discord.world.accounts
        return {
            "done": self._notes,
            "messages": [
                {
                    "place": str(message.channel_id),
                    "message": str(message.id),
                    "by": accounts[message.author_id].name,
                    "deleted": message.deleted,
                    "contents": [{"at": self._since(at), "text": text} for at, text in message.history],
                }
                for message in self._messages
            ],
        }
