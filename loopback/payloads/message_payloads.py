"""Messages in Discord's JSON for one viewer. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from loopback.state import attachment_urls, components
from loopback.state.entities import Attachment, Interaction, InteractionType, Json, Message, Reference, Thread, Webhook
from loopback.state.filenames import cleansed
from loopback.state.world import World

from . import objects as payloads

MESSAGE_CONTENT: Final = 1 << 15
POLL_SECONDS: Final = 24 * 3600

_SNAPSHOT: Final = (
    *("type", "content", "mentions", "mention_roles", "attachments", "embeds"),
    *("timestamp", "edited_timestamp", "flags", "components"),
)

_ONE_CHOICE: Final = {"min_values": 1, "max_values": 1}
_DEFAULTS: Final[dict[int, Json]] = {
    components.SEPARATOR: {"spacing": 1, "divider": True},
    components.CONTAINER: {"accent_color": None, "spoiler": False},
    components.FILE: {"name": None, "size": None, "spoiler": False},
    components.THUMBNAIL: {"description": None, "spoiler": False},
    **dict.fromkeys(components.SELECTS, _ONE_CHOICE),
}


def emoji(name: str) -> Json:
    """Return a partial emoji for a Unicode emoji or `name:id`."""
    custom, _, emoji_id = name.partition(":")
    return {"id": emoji_id, "name": custom} if emoji_id else {"id": None, "name": name}


def attachment(world: World, one: Attachment) -> Json:
    """Return an attachment object with this server's address."""
    url = attachment_url(world, one)
    payload: Json = {"id": str(one.id), "filename": one.filename, "size": one.size, "url": url, "proxy_url": url}
    if one.content_type:
        payload["content_type"] = one.content_type
    if one.title is not None:
        payload["title"] = one.title
    if one.description:
        payload["description"] = one.description
    return payload


def beside_components(one: Message) -> list[Attachment]:
    """Return the files of a message that its components do not show. Discord lists only these as attachments."""
    if not one.attachments or not one.components:
        return one.attachments
    shown = components.uploads_in(one.components)
    return [each for each in one.attachments if each.filename not in shown]


def message(world: World, one: Message, viewer: int, *, content: bool = True, nested: bool = True) -> Json:
    """Return a message object. Without `content`, as without the intent, texts, files and components are empty."""
    payload: Json = {
        "id": str(one.id),
        "channel_id": str(one.channel_id),
        "author": _author(world, one),
        "type": int(one.type),
        "content": one.content if content else "",
        "timestamp": payloads.moment(one.created),
        "edited_timestamp": None if one.edited is None else payloads.moment(one.edited),
        "tts": False,
        "pinned": one.pinned is not None,
        "flags": int(one.flags),
        "mention_everyone": one.mention_everyone,
        "mentions": [payloads.user(world.accounts[user_id]) for user_id in one.mentions],
        "mention_roles": [str(role_id) for role_id in one.mention_roles],
        "attachments": [attachment(world, each) for each in beside_components(one)] if content else [],
        "embeds": one.embeds if content else [],
        "components": _components(world, one) if content and one.components else [],
    }
    if content and one.stickers:
        payload["sticker_items"] = [_sticker(one, number) for number in range(len(one.stickers))]
    if content and one.poll:
        payload["poll"] = _poll(one)
    if one.reactions:
        payload["reactions"] = [_reaction(name, users, viewer) for name, users in one.reactions.items()]
    if one.nonce is not None and one.author_id == viewer:
        payload["nonce"] = one.nonce
    if isinstance(world.accounts[one.author_id], Webhook):
        payload["webhook_id"] = str(one.author_id)
    if one.application_id is not None:
        payload["application_id"] = str(one.application_id)
        payload["webhook_id"] = str(one.application_id)
    if one.interaction is not None:
        payload["interaction_metadata"] = _metadata(world, one.interaction)
    if one.thread_id is not None and isinstance(opened := world.channels.get(one.thread_id), Thread):
        payload["thread"] = payloads.thread(opened, viewer)
    if one.forwarded is not None:
        payload |= _forward(world, one.forwarded, viewer, content=content)
    elif one.reference is not None:
        payload |= _reference(world, one.reference, viewer, content=content, nested=nested)
    return payload


def _sticker(one: Message, number: int) -> Json:
    return {"id": str(one.id + number), "name": one.stickers[number], "format_type": 1}


def _poll(one: Message) -> Json:
    question, *answers = one.poll
    return {
        "question": {"text": question},
        "answers": [{"answer_id": number, "poll_media": {"text": text}} for number, text in enumerate(answers, 1)],
        "expiry": payloads.moment(one.created + POLL_SECONDS),
        "allow_multiselect": False,
        "layout_type": 1,
        "results": {"answer_counts": [], "is_finalized": False},
    }


def _author(world: World, one: Message) -> Json:
    author = payloads.user(world.accounts[one.author_id])
    return author if one.author_name is None else {**author, "username": one.author_name}


def _reference(world: World, one: Reference, viewer: int, *, content: bool, nested: bool) -> Json:
    pointer: Json = {"type": 0, "channel_id": str(one.channel_id)}
    if one.guild_id is not None:
        pointer["guild_id"] = str(one.guild_id)
    if one.message_id is None:
        return {"message_reference": pointer}
    pointer["message_id"] = str(one.message_id)
    if not nested:
        return {"message_reference": pointer}
    referenced = world.archive.find(one.message_id)
    shown = message(world, referenced, viewer, content=content, nested=False) if referenced else None
    if shown is not None:
        shown.pop("thread", None)
    return {"message_reference": pointer, "referenced_message": shown}


def _forward(world: World, one: Message, viewer: int, *, content: bool) -> Json:
    """Return the reference to a forwarded message, and its snapshot, which leaves the author out."""
    pointer: Json = {"type": 1, "channel_id": str(one.channel_id), "message_id": str(one.id)}
    if one.guild_id is not None:
        pointer["guild_id"] = str(one.guild_id)
    whole = message(world, one, viewer, content=content, nested=False)
    snapshot = {name: whole[name] for name in _SNAPSHOT}
    return {"message_reference": pointer, "message_snapshots": [{"message": snapshot}]}


def event_message(world: World, one: Message, viewer: int, intents: int) -> Json:
    """Return a message as the gateway sends it: with guild and member, and with its content if the viewer may read it.

    Without the message content intent a bot may read its own messages, those that mention it, and DMs.
    """
    readable = (
        bool(intents & MESSAGE_CONTENT) or one.guild_id is None or one.author_id == viewer or viewer in one.mentions
    )
    payload = message(world, one, viewer, content=readable)
    if one.guild_id is not None:
        payload["guild_id"] = str(one.guild_id)
        members = world.guilds[one.guild_id].members
        if one.author_id in members and one.application_id is None:
            payload["member"] = payloads.partial_member(members[one.author_id])
        for mentioned in payload["mentions"]:
            if int(mentioned["id"]) in members:
                mentioned["member"] = payloads.partial_member(members[int(mentioned["id"])])
    return payload


def _reaction(name: str, users: list[int], viewer: int) -> Json:
    return {
        "emoji": emoji(name),
        "count": len(users),
        "count_details": {"normal": len(users), "burst": 0},
        "burst_colors": [],
        "me": viewer in users,
        "me_burst": False,
    }


def _metadata(world: World, one: Interaction) -> Json:
    owner = {"0": str(one.guild_id or 0)}
    payload: Json = {
        "id": str(one.id),
        "type": int(one.type),
        "user": payloads.user(world.accounts[one.user_id]),
        "authorizing_integration_owners": owner,
    }
    if one.type == InteractionType.COMPONENT and one.message is not None:
        payload["interacted_message_id"] = str(one.message.id)
    if one.type == InteractionType.MODAL and one.origin is not None:
        payload["triggering_interaction_metadata"] = _metadata(world, one.origin)
    return payload


def attachment_url(world: World, one: Attachment) -> str:
    """Return the address of an attachment."""
    return f"{world.cdn}{attachment_urls.path(world, one)}"


def _components(world: World, message: Message) -> list[Json]:
    """Return the message's components with defaults and with the addresses of its files.

    A bot names a file of its own message as `attachment://NAME`. Readers get its address.
    """
    files = {one.filename: one for one in message.attachments}

    def media(given: Json) -> Json:
        url = str(given.get("url", ""))
        name = url.removeprefix(components.UPLOADED)
        one = files.get(cleansed(name, "")) if name != url else None
        if one is None:
            return {"id": str(message.id), "url": url, "proxy_url": url}
        served = attachment_url(world, one)
        about = {"id": str(one.id), "url": served, "proxy_url": served, "attachment_id": str(one.id)}
        return {**about, "content_type": one.content_type, "name": one.filename, "size": one.size}

    return [_component(one, media) for one in message.components]


def _component(one: Json, media: Callable[[Json], Json]) -> Json:
    complete = {**_DEFAULTS.get(one["type"], {}), **_given(one)}
    match one["type"]:
        case components.FILE:
            found = media(one.get("file") or {})
            complete |= {"name": found.pop("name", None), "size": found.pop("size", None), "file": found}
        case components.THUMBNAIL:
            complete["media"] = _without_name(media(one.get("media") or {}))
        case components.MEDIA_GALLERY:
            items = one.get("items") or []
            complete["items"] = [
                {"description": None, "spoiler": False, **item, "media": _without_name(media(item.get("media") or {}))}
                for item in items
            ]
    if one.get("components"):
        complete["components"] = [_component(inner, media) for inner in one["components"]]
    if isinstance(accessory := one.get("accessory"), dict):
        complete["accessory"] = _component(accessory, media)
    return complete


def _given(one: Json) -> Json:
    """Return the fields that are not null, also in the emoji of a button and of a menu's options."""
    given = {key: value for key, value in one.items() if value is not None}
    if emoji := given.get("emoji"):
        given["emoji"] = _given(emoji)
    if options := given.get("options"):
        given["options"] = [_given(option) for option in options]
    return given


def _without_name(found: Json) -> Json:
    return {key: value for key, value in found.items() if key not in ("name", "size")}
