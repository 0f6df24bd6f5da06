"""What Discord says of a message, read once: text with its mentions made readable, files, and what it quotes."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import discord

from .request import Attachment, Quote, Request, moment, sent_at

__all__ = ["files_of", "request_of", "said_in", "text_of"]

_MARKUP = re.compile(r"<(?:(@[!&]?|#)(\d{1,20})|a?:(\w{1,64}):\d{1,20}|t:(-?\d{1,12})(?::[a-zA-Z])?)>")


def request_of(message: discord.Message, me: discord.abc.User | None, *, thread_id: int, joined: bool) -> Request:
    """Read what a person asks of the bot, which is `me`; its name in front is left out."""
    guild, channel = message.guild, message.channel
    quotes, more = _quotes(message, me)
    return Request(
        message_id=message.id,
        channel_id=channel.id,
        thread_id=thread_id,
        author_id=message.author.id,
        text=_addressed(message, me),
        attachments=(*_files(message, message.attachments), *more),
        author_name=message.author.display_name,
        guild_id=guild.id if guild is not None else None,
        guild_name=guild.name if guild is not None else "",
        channel_name=getattr(channel, "name", None) or "",
        quotes=quotes,
        joined=joined,
    )


def files_of(message: discord.Message) -> tuple[Attachment, ...]:
    """Return the files that came with a message, and those of the messages that it passes on."""
    passed_on = (_files(message, snapshot.attachments) for snapshot in message.message_snapshots)
    return tuple(chain(_files(message, message.attachments), *passed_on))


def said_in(message: discord.Message) -> dict[str, Any]:
    """Describe a message of a thread's past to an agent."""
    author = {"id": str(message.author.id), "name": message.author.display_name}
    files = [each.filename for each in message.attachments]
    said: dict[str, Any] = {"sent": sent_at(message.id), "author": author, "text": text_of(message)}
    return said | ({"files": files} if files else {})


def text_of(message: discord.Message) -> str:
    """Return a message's text, and that of its embeds, as a person reads it."""
    return _with_embeds(readable(message.content, _names(message)), message.embeds)


def readable(text: str, name: Callable[[str, int], str | None]) -> str:
    """Write mentions, emoji and times as people see them. `name` knows what `@`, `@&` and `#` with an id stand for."""

    def seen(match: re.Match[str]) -> str:
        sign, number, emoji, seconds = match.groups()
        if emoji is not None:
            return f":{emoji}:"
        if seconds is not None:
            return _time(int(seconds)) or match[0]
        called = name(sign.replace("!", ""), int(number))
        return match[0] if called is None else f"{sign[0]}{called}"

    return _MARKUP.sub(seen, text)


def _time(seconds: int) -> str | None:
    try:
        return moment(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _addressed(message: discord.Message, me: discord.abc.User | None) -> str:
    text = message.content
    if me is not None:
        own = [rf"<@!?{me.id}>"]
        if message.guild is not None and message.guild.self_role is not None:
            own.append(rf"<@&{message.guild.self_role.id}>")
        text = re.sub(rf"^\s*(?:{'|'.join(own)})[,:]?", "", text)
    return readable(text, _names(message)).strip()


def _names(message: discord.Message) -> Callable[[str, int], str | None]:
    guild = message.guild
    people = {user.id: user.display_name for user in message.mentions}

    def name(sign: str, number: int) -> str | None:
        found: Any = None
        if sign == "@":
            found = guild.get_member(number) if guild is not None else None
            return people.get(number) or (found.display_name if found is not None else None)
        if guild is not None:
            found = guild.get_role(number) if sign == "@&" else guild.get_channel_or_thread(number)
        return found.name if found is not None else None

    return name


def _quotes(message: discord.Message, me: discord.abc.User | None) -> tuple[tuple[Quote, ...], tuple[Attachment, ...]]:
    """Return what the message passes on or answers, with the files: those of the bot's own messages are no news."""
    quotes: list[Quote] = []
    files: list[Attachment] = []
    for snapshot in message.message_snapshots:
        attached = _files(message, snapshot.attachments)
        text = _with_embeds(readable(snapshot.content, _names(message)), snapshot.embeds)
        quotes.append(Quote("forward", text, moment(snapshot.created_at), files=_called(attached)))
        files += attached
    answered = message.reference.resolved if message.reference is not None else None
    if isinstance(answered, discord.Message) and message.type is discord.MessageType.reply:
        attached = () if me is not None and answered.author.id == me.id else _files(answered, answered.attachments)
        author = answered.author
        quote = Quote(
            "reply", text_of(answered), sent_at(answered.id), author.id, author.display_name, _called(attached)
        )
        quotes.append(quote)
        files += attached
    return tuple(quotes), tuple(files)


def _called(files: Iterable[Attachment]) -> tuple[str, ...]:
    return tuple(each.name for each in files)


def _files(message: discord.Message, attachments: Iterable[discord.Attachment]) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(each.filename, each.url, each.content_type, each.size, message.channel.id, message.id)
        for each in attachments
    )


def _with_embeds(text: str, embeds: Iterable[discord.Embed]) -> str:
    """Add what embeds say: a message of a bot or a webhook often says nothing else."""
    more = [part for embed in embeds if embed.type == "rich" for part in (embed.title, embed.description) if part]
    return "\n".join([text, *more] if text else more)
