"""Keeps messages and files within bounds by dropping the oldest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from .entities import Attachment, Channel, Message

MESSAGES_KEPT: Final = 20_000
ATTACHMENT_BYTES_KEPT: Final = 256 * 1024 * 1024


class Archive:
    """All messages of the world's channels, oldest first, and the bytes of their files."""

    def __init__(self, channels: Mapping[int, Channel], messages_kept: int = MESSAGES_KEPT) -> None:
        self._channels = channels
        self._messages: dict[int, Message] = {}
        self._messages_kept = messages_kept
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    def find(self, message_id: int) -> Message | None:
        """Return the message, ephemeral ones included, if it is still kept."""
        return self._messages.get(message_id)

    def keep(self, message: Message) -> None:
        """Store a message in its channel, and forget the oldest ones beyond the bound."""
        channel = self._channels[message.channel_id]
        channel.messages[message.id] = message
        if message.ephemeral_to is None:
            channel.last_message_id = message.id
        self._messages[message.id] = message
        self.keep_contents(message, message.attachments)
        while len(self._messages) > self._messages_kept:
            self.forget(next(iter(self._messages.values())))

    def keep_contents(self, message: Message, added: Iterable[Attachment]) -> None:
        """Count the contents of a message's new files, and drop those of the oldest messages beyond the bound."""
        self._bytes += sum(len(attachment.content or b"") for attachment in added)
        if self._bytes <= ATTACHMENT_BYTES_KEPT:
            return
        for old in self._messages.values():
            if old is not message:
                self.drop_contents(old.attachments)
            if self._bytes <= ATTACHMENT_BYTES_KEPT:
                return

    def drop_contents(self, attachments: Iterable[Attachment]) -> None:
        """Drop the contents of files."""
        for attachment in attachments:
            self._bytes -= len(attachment.content or b"")
            attachment.content = None

    def forget(self, message: Message) -> None:
        """Forget a message without an event."""
        self._messages.pop(message.id, None)
        self.drop_contents(message.attachments)
        if channel := self._channels.get(message.channel_id):
            channel.messages.pop(message.id, None)
