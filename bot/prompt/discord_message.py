"""Reads a Discord message into a request: text with readable mentions, files, and quotes."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import discord
from yarl import URL

from bot.rest.components_v2 import walk
from bot.text.file_names import file_name

from .request import Attachment, Quote, Request, format_time, sent_at

_CODE = r"```.*?```|``.*?``|`[^`\n]*`"
_MARKUP = re.compile(
    rf"{_CODE}|<(?:(@[!&]?|#)(\d{{1,20}})|a?:(\w{{1,64}}):\d{{1,20}}|t:(-?\d{{1,12}})(?::[a-zA-Z])?"
    r"|(/[^:<>]{1,100}):\d{1,20})>",
    re.DOTALL,
)
"""Markup that Discord displays differently (Discord, Message Formatting), and code, where it does not."""

_WORD = re.compile(r"[\w.\-]+")

Name = Callable[[str, int], str | None]
"""Returns the name behind `@`, `@&` or `#` with an id."""


def request_of(
    message: discord.Message, me: discord.abc.User | None, *, thread_id: int, joined: bool, no_thread: str = ""
) -> Request:
    """Return a person's request to the bot, which is `me`; the bot's leading mention is removed."""
    guild, channel = message.guild, message.channel
    return Request(
        message_id=message.id,
        channel_id=channel.id,
        thread_id=thread_id,
        author_id=message.author.id,
        text=_without_mention(message, me),
        attachments=_files(message, message),
        author_name=message.author.display_name,
        guild_id=guild.id if guild is not None else None,
        guild_name=guild.name if guild is not None else "",
        channel_name=getattr(channel, "name", None) or "",
        tags=tags_of(channel),
        quotes=tuple(_quotes(message, me)),
        joined=joined,
        no_thread=no_thread,
    )


def tags_of(channel: object) -> tuple[str, ...]:
    """Return the names of a forum post's tags; other places have none."""
    return tuple(tag.name for tag in channel.applied_tags) if isinstance(channel, discord.Thread) else ()


def files_of(message: discord.Message) -> tuple[Attachment, ...]:
    """Return a message's files, and those of the messages that it forwards."""
    passed_on = (_files(message, snapshot) for snapshot in message.message_snapshots)
    return tuple(chain(_files(message, message), *passed_on))


def past_message(message: discord.Message) -> dict[str, Any] | None:
    """Describe a message of a thread's past to an agent; None where it has no content.

    A thread's starter message stands for the message that the thread was opened on.
    """
    if message.type is discord.MessageType.thread_starter_message:
        opened_on = message.reference.resolved if message.reference is not None else None
        return past_message(opened_on) if isinstance(opened_on, discord.Message) else None
    text, files = text_of(message), [each.name for each in files_of(message)]
    if message.is_system() or not (text or files):
        return None
    author = {"id": str(message.author.id), "name": message.author.display_name}
    said: dict[str, Any] = {"sent": sent_at(message.id), "author": author, "text": text}
    return said | ({"files": files} if files else {})


def text_of(message: discord.Message) -> str:
    """Return a message's text as a person reads it, with all that it shows and forwards."""
    name = _names(message)
    passed_on = (_with_embeds(readable(each.content, name), each) for each in message.message_snapshots)
    return "\n".join(filter(None, (_authored_text(message, message.content), *passed_on)))


def readable(text: str, name: Name) -> str:
    """Return mentions, emoji, commands and times as people see them; code stays as it is."""

    def seen(match: re.Match[str]) -> str:
        sign, number, emoji, seconds, command = match.groups()
        if emoji is not None:
            return f":{emoji}:"
        if seconds is not None:
            return _time(int(seconds)) or match[0]
        called = name(sign.replace("!", ""), int(number)) if sign is not None else None
        return command or (match[0] if called is None else f"{sign[0]}{_one_word(called)}")

    return _MARKUP.sub(seen, text)


def _one_word(name: str) -> str:
    """Delimit a name: other people choose it, and it appears among the author's words."""
    plain = " ".join(name.split())
    return plain if _WORD.fullmatch(plain) else '"{}"'.format(plain.replace('"', "'"))


def mentioned_in(text: str) -> list[int]:
    """Return the ids of the mentioned people, each once."""
    found = (match for match in _MARKUP.finditer(text) if match[1] in {"@", "@!"})
    return list(dict.fromkeys(int(match[2]) for match in found))


def _time(seconds: int) -> str | None:
    try:
        return format_time(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _without_mention(message: discord.Message, me: discord.abc.User | None) -> str:
    text = message.content
    if me is not None:
        own = [rf"<@!?{me.id}>"]
        if message.guild is not None and message.guild.self_role is not None:
            own.append(rf"<@&{message.guild.self_role.id}>")
        text = re.sub(rf"^\s*(?:{'|'.join(own)})[,:]?", "", text)
    return _authored_text(message, text).strip()


def _authored_text(message: discord.Message, content: str) -> str:
    """Return the author's words; `content` is what they typed."""
    said = readable(content, _names(message))
    # A program speaks through embeds and components; the preview of a person's link is not theirs.
    said = _with_embeds(said, message) if message.author.bot else said
    return "\n".join(filter(None, (said, *_polls_and_stickers(message))))


def _polls_and_stickers(message: discord.Message) -> Iterator[str]:
    """Describe a message's poll and stickers."""
    if message.poll is not None:
        yield "\n".join([f"[poll: {message.poll.question}]", *(f"- {answer.text}" for answer in message.poll.answers)])
    for sticker in message.stickers:
        yield f"[sticker: {_one_word(sticker.name)}]"


def _names(message: discord.Message) -> Name:
    return names_in(message.guild, {user.id: user.display_name for user in message.mentions})


def names_in(guild: discord.Guild | None, people: Mapping[int, str]) -> Name:
    """Return a function that knows the names in a place, and those of `people`, whom the cache may lack."""

    def name(sign: str, number: int) -> str | None:
        found: Any = None
        if sign == "@":
            found = guild.get_member(number) if guild is not None else None
            return people.get(number) or (found.display_name if found is not None else None)
        if guild is not None:
            found = guild.get_role(number) if sign == "@&" else guild.get_channel_or_thread(number)
        return found.name if found is not None else None

    return name


def _quotes(message: discord.Message, me: discord.abc.User | None) -> Iterator[Quote]:
    """Return the messages that a message forwards or answers."""
    for snapshot in message.message_snapshots:
        text = _with_embeds(readable(snapshot.content, _names(message)), snapshot)
        files = _files(message, snapshot)
        yield Quote("forward", text, format_time(snapshot.created_at), attachments=files)
    reference = message.reference
    if reference is None or message.type is not discord.MessageType.reply:
        return
    if isinstance(reference.resolved, discord.Message):
        yield quote_of(reference.resolved, me)
    elif reference.message_id is not None:
        yield Quote("reply", "", sent_at(reference.message_id), missing=True)


def quote_of(message: discord.Message, me: discord.abc.User | None) -> Quote:
    """Quote a message with its files; of the bot, which is `me`, only a card's: its agent made the others."""
    author = message.author
    own = me is not None and author.id == me.id
    files = _component_files(message, message.components) if own else files_of(message)
    return Quote("reply", text_of(message), sent_at(message.id), author.id, author.display_name, files)


def _files(message: discord.Message, said: discord.Message | discord.MessageSnapshot) -> tuple[Attachment, ...]:
    """Return the files of a message, or of one that it forwards. Those that components show are only there."""
    attached = (
        Attachment(
            file_name(each.filename, each.title), each.url, each.content_type, each.size, message.channel.id, message.id
        )
        for each in said.attachments
    )
    return (*attached, *_component_files(message, said.components))


def _component_files(message: discord.Message, components: Iterable[object]) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            each.name or PurePosixPath(URL(each.media.url).path).name,
            each.media.url,
            each.media.content_type,
            each.size or 0,
            message.channel.id,
            message.id,
        )
        for each in walk(components)
        if isinstance(each, discord.FileComponent)
    )


def _with_embeds(text: str, said: discord.Message | discord.MessageSnapshot) -> str:
    """Append the text of embeds and components, often the only text of a bot's or webhook's message."""
    more = [*_texts(said.components)]
    for embed in said.embeds:
        if embed.type == "rich":
            more += [part for part in (embed.title, embed.description) if part]
            more += [f"{field.name}: {field.value}" for field in embed.fields]
    return "\n".join([text, *more] if text else more)


def _texts(components: Iterable[object]) -> Iterator[str]:
    return (each.content for each in walk(components) if isinstance(each, discord.TextDisplay))
