"""Operations on messages: post, edit, delete, read back. Pure. Every change emits an event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from loopback.state import filenames

from . import components, membership, mentions, world_events
from .drafts import AllowedMentions, Draft, Upload
from .entities import (
    Attachment,
    Channel,
    ChannelType,
    Interaction,
    Json,
    Message,
    MessageFlag,
    MessageType,
    Reference,
    Thread,
)
from .errors import DiscordError, FormErrors, Reason, invalid
from .permissions import Permission
from .strict_rules import StrictRule
from .world import World

NONCE_SECONDS: Final = 300.0
NONCE_LOOK_BACK: Final = 100
HISTORY_KEPT: Final = 2_000

_TEXT_CHANNELS: Final = frozenset(
    {
        ChannelType.TEXT,
        ChannelType.DM,
        ChannelType.VOICE,
        ChannelType.STAGE,
        ChannelType.ANNOUNCEMENT,
        ChannelType.ANNOUNCEMENT_THREAD,
        ChannelType.PUBLIC_THREAD,
        ChannelType.PRIVATE_THREAD,
    }
)
_SENT_FLAGS: Final = (
    MessageFlag.SUPPRESS_EMBEDS | MessageFlag.SUPPRESS_NOTIFICATIONS | MessageFlag.COMPONENTS_V2 | MessageFlag.EPHEMERAL
)
_LEGACY: Final = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
_PLAIN: Final = frozenset(
    {MessageType.DEFAULT, MessageType.REPLY, MessageType.CHAT_INPUT_COMMAND, MessageType.CONTEXT_MENU_COMMAND}
)


@dataclass(frozen=True)
class Origin:
    """What makes a message special: a system type, an interaction, an only reader, a given id."""

    id: int | None = None
    type: int | None = None
    interaction: Interaction | None = None
    ephemeral_to: int | None = None
    loading: bool = False
    reference: Reference | None = None
    mentions: tuple[int, ...] = ()
    webhook: bool = False
    author_name: str | None = None
    forwarded: Message | None = None


def post(world: World, channel: Channel, author_id: int, draft: Draft, origin: Origin | None = None) -> Message:
    """Post a message as `author_id`. Answers to interactions have an `origin` and need no permission.

    Raises 50006 for an empty one, 50035 for misplaced components, 50001, 50013, 50007, 50008, 160002 for a reply
    without the right to read the history, and 160005 for a locked thread. With `enforce_nonce`, returns the author's
    message with that nonce if there is one younger than NONCE_SECONDS.
    """
    origin = origin or Origin()
    if channel.type not in _TEXT_CHANNELS:
        raise DiscordError(Reason.NOT_A_TEXT_CHANNEL)
    system = origin.type is not None and origin.type not in _PLAIN
    if origin.interaction is None and not system and not origin.webhook:
        _may_post(world, channel, author_id, draft)
    _check_layout(draft, draft, bool(draft.flags & MessageFlag.COMPONENTS_V2))
    if draft.empty and not origin.loading and not system and origin.forwarded is None:
        raise DiscordError(Reason.EMPTY_MESSAGE)
    if draft.enforce_nonce and (same := _same_nonce(world, channel, author_id, draft.nonce)):
        return same
    if isinstance(channel, Thread) and origin.ephemeral_to is None and not system:
        membership.unarchive(world, channel, author_id)
    message = _build(world, channel, author_id, draft, origin)
    world.archive.keep(message)
    if isinstance(channel, Thread) and message.ephemeral_to is None:
        _into_thread(world, channel, message, system=system)
    world.emit(world_events.MessageCreated(message))
    return message


def _may_post(world: World, channel: Channel, author_id: int, draft: Draft) -> None:
    in_thread = isinstance(channel, Thread)
    needs = int(Permission.SEND_MESSAGES_IN_THREADS if in_thread else Permission.SEND_MESSAGES)
    if draft.uploads:
        needs |= Permission.ATTACH_FILES
    world.channel(channel.id, author_id, needs)
    if draft.answers is not None and not world.permissions(channel, author_id) & Permission.READ_MESSAGE_HISTORY:
        raise DiscordError(Reason.NO_REPLY)
    if channel.type == ChannelType.DM and not _share_a_guild(world, channel):
        raise DiscordError(Reason.CANNOT_SEND_TO_USER)


def _check_layout(draft: Draft, after: Draft, v2: bool, kept: Iterable[Attachment] = ()) -> None:  # noqa: FBT001
    """Check the components of a body, and that the message after it has no content besides those of version 2."""
    problems = FormErrors()
    files = {filenames.cleansed(one.filename, "") for one in draft.uploads} | {one.filename for one in kept}
    components.check_layout(list(draft.components), files, problems, v2=v2)
    for field, value in (("content", after.content), ("embeds", after.embeds)):
        if v2 and value:
            message = f"The '{field}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            problems.add((field,), _LEGACY, message)
    problems.check()


def _share_a_guild(world: World, channel: Channel) -> bool:
    return any(channel.recipient_ids <= guild.members.keys() for guild in world.guilds.values())


def _same_nonce(world: World, channel: Channel, author_id: int, nonce: str | int | None) -> Message | None:
    if nonce is None or StrictRule.NONCES not in world.rules:
        return None
    oldest = world.clock() - NONCE_SECONDS
    for message, _ in zip(reversed(channel.messages.values()), range(NONCE_LOOK_BACK), strict=False):
        if message.created < oldest:
            return None
        if message.author_id == author_id and message.nonce is not None and str(message.nonce) == str(nonce):
            return message
    return None


def _build(world: World, channel: Channel, author_id: int, draft: Draft, origin: Origin) -> Message:
    reference = origin.reference or _answered(channel, draft)
    kind = MessageType.REPLY if reference else MessageType.DEFAULT
    flags = draft.flags & _SENT_FLAGS
    if origin.ephemeral_to is not None:
        flags |= MessageFlag.EPHEMERAL
    if origin.loading:
        flags |= MessageFlag.LOADING
    message = Message(
        id=origin.id or world.snowflake(),
        channel_id=channel.id,
        guild_id=channel.guild_id,
        author_id=author_id,
        content=draft.content,
        type=kind if origin.type is None else origin.type,
        created=world.clock(),
        flags=int(flags),
        nonce=draft.nonce,
        embeds=list(draft.embeds),
        components=list(draft.components),
        stickers=draft.stickers,
        poll=draft.poll,
        reference=reference,
        forwarded=origin.forwarded,
        application_id=origin.interaction.bot.application_id if origin.interaction else None,
        author_name=origin.author_name,
        interaction=origin.interaction,
        ephemeral_to=origin.ephemeral_to,
    )
    message.history.append((world.monotonic(), components.text_of(message)))
    message.attachments = [_attach(world, channel, upload) for upload in draft.uploads]
    _mention(world, channel, message, draft)
    message.mentions += origin.mentions
    return message


def _answered(channel: Channel, draft: Draft) -> Reference | None:
    if draft.answers is None:
        return None
    if draft.answers not in channel.messages:
        if draft.answer_must_exist:
            raise invalid(("message_reference",), "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
        return None
    return Reference(channel.id, draft.answers, channel.guild_id)


def _attach(world: World, channel: Channel, upload: Upload) -> Attachment:
    attachment_id = world.snowflake()
    filename = upload.filename
    if StrictRule.FILE_NAMES in world.rules:
        filename = filenames.cleansed(filename, str(attachment_id))
    return Attachment(
        id=attachment_id,
        channel_id=channel.id,
        filename=filename,
        title=None if filename == upload.filename else filenames.title(upload.filename),
        content_type=upload.content_type,
        size=len(upload.content),
        content=upload.content,
        description=upload.description,
    )


def _mention(world: World, channel: Channel, message: Message, draft: Draft) -> None:
    found = mentions.find(components.text_of(message), draft.allowed)
    users = [one for one in found.users if one in world.accounts]
    if message.reference and draft.answers and draft.allowed.replied_user:
        answered = channel.messages[draft.answers].author_id
        users += [answered] if answered not in users else []
    guild = world.guild_of(channel)
    message.mentions = users
    message.mention_roles = [one for one in found.roles if guild and one in guild.roles]
    may = Permission.MENTION_EVERYONE & world.permissions(channel, message.author_id)
    message.mention_everyone = found.everyone and bool(may)


def _into_thread(world: World, thread: Thread, message: Message, *, system: bool) -> None:
    if message.type != MessageType.THREAD_STARTER:
        thread.message_count += 1
    if system:
        return
    newcomers = [one for one in (message.author_id, *message.mentions) if one not in thread.members]
    seeing = [one for one in newcomers if world.permissions(thread, one) & Permission.VIEW_CHANNEL]
    membership.enrol(world, thread, seeing)


def edit(world: World, message: Message, draft: Draft) -> Message:
    """Change the given fields as the author, whom the caller has checked.

    Raises 50006, 50035 for misplaced components, 50083, and 160005 for a locked thread.
    """
    channel = world.channels[message.channel_id]
    if isinstance(channel, Thread) and message.ephemeral_to is None:
        if channel.archived and StrictRule.ARCHIVED in world.rules:
            raise DiscordError(Reason.THREAD_ARCHIVED)
        membership.check_unlocked(world, channel, message.author_id)
    after = _after_edit(message, draft)
    stay = [one for one in message.attachments if draft.kept is None or one.id in draft.kept]
    flags = draft.flags if "flags" in draft.given else message.flags
    _check_layout(draft, after, bool(flags & MessageFlag.COMPONENTS_V2), stay)
    if after.empty and not stay:
        raise DiscordError(Reason.EMPTY_MESSAGE)
    before = components.text_of(message)
    message.content, message.embeds, message.components = after.content, list(after.embeds), list(after.components)
    if draft.kept is not None or draft.uploads:
        _edit_attachments(world, channel, message, draft)
    if "flags" in draft.given:
        message.flags = _edited_flags(message, draft)
    message.flags &= ~MessageFlag.LOADING
    if draft.given & {"content", "components"}:
        _mention(world, channel, message, draft)
    if (text := components.text_of(message)) != before:
        message.history.append((world.monotonic(), text))
        if len(message.history) > HISTORY_KEPT:
            del message.history[1]
    message.edited = world.clock()
    world.emit(world_events.MessageEdited(message))
    if StrictRule.SUPPRESSED_PREVIEWS not in world.rules and "://" in message.content:
        message.embeds.append({"type": "link", "url": message.content.split()[-1]})
    return message


def unfurl(world: World, message: Message, embed: Json) -> None:
    """Add the preview of a link, which is no edit, unless previews are suppressed."""
    if not message.flags & MessageFlag.SUPPRESS_EMBEDS:
        message.embeds.append(embed)
        world.emit(world_events.MessageEdited(message))


def _after_edit(message: Message, draft: Draft) -> Draft:
    given = draft.given
    flags = _edited_flags(message, draft) if "flags" in given else message.flags
    return Draft(
        content=draft.content if "content" in given else message.content,
        embeds=draft.embeds if "embeds" in given else tuple(message.embeds),
        components=draft.components if "components" in given else tuple(message.components),
        uploads=draft.uploads,
        flags=flags,
    )


def _edited_flags(message: Message, draft: Draft) -> int:
    """Return the flags after an edit, which can suppress previews and show them, but only begin components v2."""
    changed = message.flags & ~MessageFlag.SUPPRESS_EMBEDS | draft.flags & MessageFlag.SUPPRESS_EMBEDS
    return int(changed | draft.flags & MessageFlag.COMPONENTS_V2)


def _edit_attachments(world: World, channel: Channel, message: Message, draft: Draft) -> None:
    kept = draft.kept if draft.kept is not None else {attachment.id for attachment in message.attachments}
    world.archive.drop_contents([attachment for attachment in message.attachments if attachment.id not in kept])
    added = [_attach(world, channel, upload) for upload in draft.uploads]
    message.attachments = [attachment for attachment in message.attachments if attachment.id in kept] + added
    world.archive.keep_contents(message, added)


def delete(world: World, message: Message) -> None:
    """Delete a message. The caller has checked the permission."""
    _drop(world, message)
    world.emit(world_events.MessageDeleted(message))


def delete_many(world: World, gone: tuple[Message, ...]) -> None:
    """Delete messages of one channel with one event. The caller has checked the permission."""
    for message in gone:
        _drop(world, message)
    if gone:
        world.emit(world_events.MessagesDeleted(gone))


def _drop(world: World, message: Message) -> None:
    channel = world.channels.get(message.channel_id)
    message.deleted = True
    world.archive.forget(message)
    if isinstance(channel, Thread):
        channel.message_count = max(0, channel.message_count - 1)


def edit_as(world: World, channel: Channel, editor_id: int, message_id: int, draft: Draft) -> Message:
    """Edit as a user. Raises 50005 for another's message, 50021 for a system message."""
    message = world.message(channel, message_id)
    if message.author_id != editor_id:
        raise DiscordError(Reason.NOT_THE_AUTHOR)
    if message.type not in _PLAIN:
        raise DiscordError(Reason.SYSTEM_MESSAGE)
    return edit(world, message, draft)


def delete_as(world: World, channel: Channel, deleter_id: int, message_id: int) -> None:
    """Delete as its author or with the right to manage messages. Raises 50013, or 50003 in a DM."""
    message = world.message(channel, message_id)
    if message.author_id != deleter_id:
        if channel.type == ChannelType.DM:
            raise DiscordError(Reason.NOT_IN_DM)
        world.channel(channel.id, deleter_id, Permission.MANAGE_MESSAGES)
    if message.type in (MessageType.RECIPIENT_ADD, MessageType.RECIPIENT_REMOVE, MessageType.THREAD_STARTER):
        raise DiscordError(Reason.SYSTEM_MESSAGE)
    delete(world, message)


def history(
    channel: Channel,
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = 50,
) -> list[Message]:
    """Return at most `limit` messages, newest first: the newest, or those before, after or around an id."""
    kept = [message for message in channel.messages.values() if message.ephemeral_to is None]
    if around is not None:
        older = [message for message in kept if message.id < around]
        newer = [message for message in kept if message.id > around]
        middle = [message for message in kept if message.id == around]
        half = limit // 2
        chosen = (
            (older[len(older) - half :] if half < len(older) else older) + middle + newer[: max(0, limit - half - 1)]
        )
    elif after is not None:
        chosen = [message for message in kept if message.id > after][:limit]
    else:
        chosen = [message for message in kept if before is None or message.id < before][-limit:]
    return chosen[::-1]


def announce(world: World, channel: Channel, author_id: int, origin: Origin, content: str = "") -> Message:
    """Post a system message of the type in `origin`, as Discord does for a rename or a new member."""
    return post(world, channel, author_id, Draft(content=content, allowed=AllowedMentions(parse=frozenset())), origin)
