"""Message components in Discord's JSON: with the defaults that a bot left out, and media found. Pure.

A bot names a file of its own message as `attachment://NAME`; readers get the address at which it is served.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from loopback.state import attachment_urls as addresses
from loopback.state import components
from loopback.state.entities import Attachment, Json, Message
from loopback.state.world import World

from .filenames import cleansed

UPLOADED: Final = "attachment://"

_ONE_CHOICE: Final = {"min_values": 1, "max_values": 1}
_DEFAULTS: Final[dict[int, Json]] = {
    components.SEPARATOR: {"spacing": 1, "divider": True},
    components.CONTAINER: {"accent_color": None, "spoiler": False},
    components.FILE: {"name": None, "size": None, "spoiler": False},
    components.THUMBNAIL: {"description": None, "spoiler": False},
    **dict.fromkeys(components.SELECTS, _ONE_CHOICE),
}


def attachment_url(world: World, one: Attachment) -> str:
    """Where an attachment is served."""
    return f"{world.cdn}{addresses.path(world, one)}"


def shown(world: World, message: Message) -> list[Json]:
    """The message's components as its readers get them."""
    files = {one.filename: one for one in message.attachments}

    def media(given: Json) -> Json:
        url = str(given.get("url", ""))
        one = files.get(cleansed(url.removeprefix(UPLOADED), "")) if url.startswith(UPLOADED) else None
        if one is None:
            return {"id": str(message.id), "url": url, "proxy_url": url}
        served = attachment_url(world, one)
        about = {"id": str(one.id), "url": served, "proxy_url": served, "attachment_id": str(one.id)}
        return {**about, "content_type": one.content_type, "name": one.filename, "size": one.size}

    return [_shown(one, media) for one in message.components]


def _shown(one: Json, media: Callable[[Json], Json]) -> Json:
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
        complete["components"] = [_shown(inner, media) for inner in one["components"]]
    if isinstance(accessory := one.get("accessory"), dict):
        complete["accessory"] = _shown(accessory, media)
    return complete


def _given(one: Json) -> Json:
    """What a bot gave: null is nothing, also in the emoji of a button and of a menu's options."""
    given = {key: value for key, value in one.items() if value is not None}
    if emoji := given.get("emoji"):
        given["emoji"] = _given(emoji)
    if options := given.get("options"):
        given["options"] = [_given(option) for option in options]
    return given


def _without_name(found: Json) -> Json:
    return {key: value for key, value in found.items() if key not in ("name", "size")}
