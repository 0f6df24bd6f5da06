"""Operations on channels and threads: open, change, join, add, remove. Pure."""

from __future__ import annotations

from typing import Any, Final

from . import field_types, membership, messages, world_events
from .drafts import Draft
from .entities import Channel, ChannelType, Json, Message, MessageFlag, MessageType, Reference, Thread
from .errors import DiscordError, FormErrors, Reason, invalid
from .messages import Origin
from .permissions import Permission
from .strict_rules import StrictRule
from .world import World

NAME_LENGTH: Final = 100
TOPIC_LENGTH: Final = 1024
AUTO_ARCHIVE: Final = (60, 1440, 4320, 10080)
DEFAULT_AUTO_ARCHIVE: Final = 4320
ACTIVE_THREADS: Final = 1000
APPLIED_TAGS: Final = 5


def open_on(world: World, message: Message, opener_id: int, body: Json) -> Thread:
    """Open the thread of a message, with the message's id. Raises 160004 if there is one already."""
    parent = world.channel(message.channel_id, opener_id, Permission.CREATE_PUBLIC_THREADS)
    if parent.type not in (ChannelType.TEXT, ChannelType.ANNOUNCEMENT):
        raise DiscordError(Reason.WRONG_CHANNEL_TYPE)
    if message.thread_id is not None:
        raise DiscordError(Reason.THREAD_EXISTS)
    announcement = parent.type == ChannelType.ANNOUNCEMENT
    kind = ChannelType.ANNOUNCEMENT_THREAD if announcement else ChannelType.PUBLIC_THREAD
    own_id = None if StrictRule.THREAD_IDS in world.rules else world.snowflake()
    thread = _new(world, parent, opener_id, body, kind, own_id or message.id)
    message.thread_id = thread.id
    message.flags |= MessageFlag.HAS_THREAD
    _open(world, thread)
    world.emit(world_events.MessageEdited(message))
    reference = Reference(parent.id, message.id, parent.guild_id)
    starter = Origin(type=MessageType.THREAD_STARTER, reference=reference)
    messages.announce(world, thread, message.author_id, starter)
    return thread


def open_in(world: World, parent: Channel, opener_id: int, body: Json, first: Draft | None = None) -> Thread:
    """Open a thread without a message. In a forum `first` is its first message."""
    if parent.holds_posts:
        world.channel(parent.id, opener_id, Permission.SEND_MESSAGES)
        if first is None or first.empty:
            raise DiscordError(Reason.EMPTY_MESSAGE)
        thread = _new(world, parent, opener_id, body, ChannelType.PUBLIC_THREAD)
        _open(world, thread)
        messages.post(world, thread, opener_id, first, Origin(id=thread.id))
        return thread
    if parent.type not in (ChannelType.TEXT, ChannelType.ANNOUNCEMENT):
        raise DiscordError(Reason.WRONG_CHANNEL_TYPE)
    kind = body.get("type", ChannelType.PRIVATE_THREAD)
    if kind not in (ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD):
        raise invalid(("type",), "BASE_TYPE_CHOICES", "Value must be one of {11, 12}.")
    private = kind == ChannelType.PRIVATE_THREAD
    needs = Permission.CREATE_PRIVATE_THREADS if private else Permission.CREATE_PUBLIC_THREADS
    world.channel(parent.id, opener_id, needs)
    thread = _new(world, parent, opener_id, body, ChannelType(kind))
    _open(world, thread)
    if not private:
        link = Origin(type=MessageType.THREAD_CREATED, reference=Reference(thread.id, None, thread.guild_id))
        messages.announce(world, parent, opener_id, link, thread.name)
    return thread


def _new(
    world: World, parent: Channel, opener_id: int, body: Json, kind: ChannelType, thread_id: int | None = None
) -> Thread:
    _check_capacity(world, parent, announcement=kind == ChannelType.ANNOUNCEMENT_THREAD)
    problems = _read(body)
    _check_name(body.get("name"), problems)
    minutes = body.get("auto_archive_duration") or DEFAULT_AUTO_ARCHIVE
    _check_auto_archive(minutes, problems)
    problems.check()
    now = world.clock()
    tags = _tags(parent, body)
    return Thread(
        id=thread_id or world.snowflake(),
        type=kind,
        name=body["name"].strip(),
        guild_id=parent.guild_id,
        parent_id=parent.id,
        owner_id=opener_id,
        auto_archive=int(minutes),
        invitable=body.get("invitable", True) is not False,
        archive_changed=now,
        created=now,
        members={opener_id: now},
        applied_tags=tags,
    )


def _check_capacity(world: World, parent: Channel, *, announcement: bool) -> None:
    """Raise 160006 if the guild has ACTIVE_THREADS. Announcement threads count separately (160007)."""
    guild = world.guild_of(parent)
    places = [world.channels[channel_id] for channel_id in guild.channel_ids] if guild else []
    active = [place for place in places if isinstance(place, Thread) and not place.archived]
    alike = [place for place in active if (place.type == ChannelType.ANNOUNCEMENT_THREAD) == announcement]
    if len(alike) >= ACTIVE_THREADS:
        raise DiscordError(Reason.TOO_MANY_ANNOUNCEMENT_THREADS if announcement else Reason.TOO_MANY_THREADS)


def _tags(forum: Channel, body: Json) -> list[int]:
    """Return the forum's tags in the body, each once. Raises 10087, and 50035 for more than APPLIED_TAGS."""
    named = body.get("applied_tags") or []
    if len(named) > APPLIED_TAGS:
        raise invalid(("applied_tags",), "BASE_TYPE_MAX_LENGTH", f"Must be {APPLIED_TAGS} or fewer in length.")
    tags = [int(one) for one in dict.fromkeys(named)]
    if any(tag not in forum.tags for tag in tags):
        raise DiscordError(Reason.UNKNOWN_TAG)
    return tags


def _open(world: World, thread: Thread) -> None:
    world.place(thread)
    world.emit(world_events.ThreadCreated(thread))
    world.emit(world_events.ThreadMembersChanged(thread, added=(thread.owner_id,)))


def name_of(body: Json) -> str:
    """Return the name in a new channel's body. Raises 50035."""
    problems = _read(body)
    _check_name(body.get("name"), problems)
    problems.check()
    return str(body["name"]).strip()


def _read(body: Json) -> FormErrors:
    """Raise 50035 for wrong types, and return a collector for other problems."""
    problems = FormErrors()
    field_types.check(body, "channel", problems)
    problems.check()
    return problems


def _check_name(name: Any, problems: FormErrors) -> None:
    if not isinstance(name, str):
        problems.add(("name",), "BASE_TYPE_REQUIRED", "This field is required")
    elif not name.strip() or len(name) > NAME_LENGTH:
        problems.add(("name",), "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {NAME_LENGTH} in length.")


def _check_auto_archive(minutes: Any, problems: FormErrors) -> None:
    if minutes not in AUTO_ARCHIVE:
        choices = ", ".join(str(one) for one in AUTO_ARCHIVE)
        problems.add(("auto_archive_duration",), "BASE_TYPE_CHOICES", f"Value must be one of {{{choices}}}.")


def change(world: World, channel: Channel, editor_id: int, body: Json) -> Channel:
    """Rename, archive, lock or describe a channel or thread.

    A thread's owner may rename and archive it, and everyone who may send messages may unarchive it unless it is locked.
    Other changes need the right to manage threads or channels (50013). An archived thread can only be unarchived
    (50083).
    """
    problems = _read(body)
    if "name" in body:
        _check_name(body["name"], problems)
    if "auto_archive_duration" in body:
        _check_auto_archive(body["auto_archive_duration"], problems)
    problems.longest(("topic",), body.get("topic"), TOPIC_LENGTH)
    problems.check()
    old_name = channel.name
    if isinstance(channel, Thread):
        _change_thread(world, channel, editor_id, body)
        world.emit(world_events.ThreadUpdated(channel))
        if channel.name != old_name:
            renamed = Origin(type=MessageType.CHANNEL_NAME_CHANGE)
            messages.announce(world, channel, editor_id, renamed, channel.name)
        return channel
    world.channel(channel.id, editor_id, Permission.MANAGE_CHANNELS)
    channel.name = str(body.get("name", channel.name))
    channel.topic = body.get("topic", channel.topic)
    world.emit(world_events.ChannelUpdated(channel))
    return channel


def _change_thread(world: World, thread: Thread, editor_id: int, body: Json) -> None:
    granted = world.permissions(thread, editor_id)
    moderates = granted & Permission.MANAGE_THREADS
    locks = body.get("locked", thread.locked) != thread.locked
    alone = body.get("archived") is False and not body.keys() - {"archived", "locked"}
    reopens = alone and not locks and granted & Permission.SEND_MESSAGES
    if not (moderates or reopens) and (editor_id != thread.owner_id or locks):
        raise DiscordError(Reason.MISSING_PERMISSIONS)
    if thread.locked and thread.archived and not moderates:
        raise DiscordError(Reason.THREAD_LOCKED)
    archived = body.get("archived", thread.archived) is True
    if thread.archived and archived and body.keys() - {"archived", "locked"}:
        raise DiscordError(Reason.THREAD_ARCHIVED)
    if "applied_tags" in body:
        thread.applied_tags = _tags(world.channels[thread.parent_id or 0], body)
    thread.name = str(body.get("name", thread.name)).strip()
    thread.auto_archive = int(body.get("auto_archive_duration", thread.auto_archive))
    thread.locked = body.get("locked", thread.locked) is True
    thread.invitable = body.get("invitable", thread.invitable) is not False
    if archived != thread.archived:
        thread.archived = archived
        thread.archive_changed = world.clock()


def archive_idle(world: World) -> None:
    """Archive each thread that had no message and was not unarchived for its auto_archive time."""
    now = world.clock()
    for channel in list(world.channels.values()):
        if not isinstance(channel, Thread) or channel.archived:
            continue
        newest = next(reversed(channel.messages.values()), None)
        active = max(channel.archive_changed, channel.created, newest.created if newest else 0.0)
        if now - active >= channel.auto_archive * 60:
            channel.archived = True
            channel.archive_changed = now
            world.emit(world_events.ThreadUpdated(channel))


def thread_of(world: World, channel_id: int, viewer: int) -> Thread:
    """Return the thread, as `World.channel` does. Raises 50024 for another channel."""
    channel = world.channel(channel_id, viewer)
    if not isinstance(channel, Thread):
        raise DiscordError(Reason.WRONG_CHANNEL_TYPE)
    return channel


def add(world: World, thread: Thread, adder_id: int, user_id: int) -> None:
    """Make `user_id` a member, and announce it unless they join by themselves. Raises 50083, 10013, 50001."""
    if thread.archived:
        raise DiscordError(Reason.THREAD_ARCHIVED)
    world.account(user_id)
    parent = world.channels[thread.parent_id or 0]
    if not world.permissions(parent, user_id) & Permission.VIEW_CHANNEL:
        raise DiscordError(Reason.MISSING_ACCESS)
    if user_id in thread.members:
        return
    if adder_id != user_id:
        world.channel(thread.id, adder_id, Permission.SEND_MESSAGES_IN_THREADS)
    membership.enrol(world, thread, [user_id])
    if adder_id != user_id:
        messages.announce(world, thread, adder_id, Origin(type=MessageType.RECIPIENT_ADD, mentions=(user_id,)))


def remove(world: World, thread: Thread, remover_id: int, user_id: int) -> None:
    """Remove a member. Another than oneself needs the right to manage threads (50013)."""
    if thread.archived:
        raise DiscordError(Reason.THREAD_ARCHIVED)
    if remover_id != user_id:
        world.channel(thread.id, remover_id, Permission.MANAGE_THREADS)
    membership.dismiss(world, thread, user_id)
