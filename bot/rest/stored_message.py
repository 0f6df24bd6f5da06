"""A message of the bot's own, as Discord stores it."""

from collections.abc import Sequence
from dataclasses import dataclass

import discord

from bot.text.file_names import is_kept_as

from .components_v2 import text_of, walk
from .message_files import Files


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message; `files` are the names that Discord gave to its files."""

    message_id: int
    content: str
    files: tuple[str, ...] = ()
    has_buttons: bool = False

    @classmethod
    def of(cls, message: discord.Message) -> "StoredMessage":
        """Take what the library says of a message. Discord lists a file that a component shows only there."""
        parts = [*walk(message.components)]
        files = [file.filename for file in message.attachments]
        files += [part.name or "" for part in parts if isinstance(part, discord.FileComponent)]
        pressable = any(isinstance(part, discord.Button | discord.SelectMenu) for part in parts)
        return cls(message.id, text_of(message), tuple(files), pressable)

    def matches(self, content: str, files: Files) -> bool:
        """Whether it has this content, and files with these names."""
        return self.content.strip() == content.strip() and self.has_files([name for name, _ in files])

    def has_files(self, names: Sequence[str]) -> bool:
        """Whether its files can be those that were sent under these names."""
        return len(self.files) == len(names) and all(map(is_kept_as, names, self.files))
