"""Links, and texts that fit into one message. Pure."""

from collections.abc import Sequence

from bot.text.markdown import LIMIT


def link(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """Return the address of a message."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def links(thread_ids: Sequence[int]) -> str:
    """Link threads; of many, the first ones."""
    named = ", ".join(f"<#{thread_id}>" for thread_id in thread_ids[:5])
    return named if len(thread_ids) <= 5 else f"{named} and others"


def fitting(text: str, beyond: int = 0) -> str:
    """Cut a list at a line so that it fits into one message; `beyond` counts the lines that were left out before."""
    if len(text) <= LIMIT and not beyond:
        return text
    head = text if len(text) <= LIMIT - 20 else text[: LIMIT - 20].rsplit("\n", 1)[0]
    return f"{head}\n… and {text.count(chr(10)) - head.count(chr(10)) + beyond} more"


def with_line(content: str, line: str) -> str:
    """Append a line to a message, or replace the message where there is no room."""
    whole = f"{content}\n-# {line}"
    return whole if len(whole) <= LIMIT else f"-# {line}"
