"""A message as the page shows it to one person. Pure.

Texts of people and bots are HTML from `markdown.to_html`. The page shows all other strings as text. Ids are strings,
times are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from loopback.payloads.message_payloads import beside_components
from loopback.state import attachment_urls, components
from loopback.state.entities import Attachment, Bot, Interaction, Json, Message, MessageFlag, MessageType, Thread
from loopback.state.filenames import cleansed
from loopback.state.world import World
from loopback.web.markdown import to_html

from .names import GuildNames

_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
_WORDS: Final = {
    MessageType.RECIPIENT_ADD: "added {other} to the thread.",
    MessageType.RECIPIENT_REMOVE: "removed {other} from the thread.",
    MessageType.CHANNEL_NAME_CHANGE: "changed the name to {text}",
    MessageType.PINS_ADD: "pinned a message to this channel.",
    MessageType.JOIN: "joined the server.",
    MessageType.THREAD_CREATED: "started a thread: {text}",
    MessageType.THREAD_STARTER: "opened this thread.",
}
_COMMANDS: Final = frozenset({MessageType.CHAT_INPUT_COMMAND, MessageType.CONTEXT_MENU_COMMAND})
SNIPPET: Final = 120


def shows(message: Message, viewer: int) -> bool:
    """Return whether the person may see the message. Ephemeral ones are for one person only."""
    return message.ephemeral_to in (None, viewer)


def message(world: World, one: Message, viewer: int) -> Json:
    """Return the message for `viewer`. A thread starter is shown as the message that it was opened on."""
    if (opener := _opener(world, one)) is not None:
        begin = {"id": str(one.id), "channel": str(one.channel_id), "own": False, "pings": False, "starter": True}
        return {**message(world, opener, viewer), **begin, "thread": None, "components": [], "reactions": []}
    known = GuildNames(world, world.guilds.get(one.guild_id or 0))
    files = {each.filename: _file(world, each) for each in one.attachments}
    # A message of components v2 shows only the files that its components name.
    beside = [] if one.flags & MessageFlag.COMPONENTS_V2 else beside_components(one)
    return {
        "id": str(one.id),
        "channel": str(one.channel_id),
        "author": author(world, one.author_id, known),
        "at": round(one.created * 1000),
        "edited": None if one.edited is None else round(one.edited * 1000),
        "html": "" if _system(one) else to_html(one.content, known),
        "text": components.text_of(one),
        "system": _system_words(one, known) if _system(one) else None,
        "starter": False,
        "own": one.author_id == viewer,
        "pings": pings(world, one, viewer),
        "ephemeral": one.ephemeral_to is not None,
        "thinking": bool(one.flags & MessageFlag.LOADING),
        "reply": _reply(world, one, viewer, known),
        "used": _used(one.interaction, known) if one.type in _COMMANDS else None,
        "thread": _thread(world, one),
        "files": [_file(world, each) for each in beside],
        "embeds": [] if one.flags & MessageFlag.SUPPRESS_EMBEDS else [_embed(each, known) for each in one.embeds],
        "components": [component(each, known, files) for each in one.components],
        "reactions": [
            {"emoji": emoji.partition(":")[0], "name": emoji, "count": len(users), "mine": viewer in users}
            for emoji, users in one.reactions.items()
        ],
    }


def author(world: World, user_id: int, known: GuildNames) -> Json:
    """Describe the author of a message."""
    account = world.accounts[user_id]
    return {"id": str(user_id), "name": known.user(user_id) or account.name, "bot": isinstance(account, Bot)}


def pings(world: World, one: Message, viewer: int) -> bool:
    """Return whether the message pings the person, by name, by a role or with @everyone."""
    guild = world.guilds.get(one.guild_id or 0)
    member = guild.members.get(viewer) if guild else None
    roles = member.role_ids if member else []
    named = viewer in one.mentions or any(role in one.mention_roles for role in roles) or one.mention_everyone
    return named and one.author_id != viewer and not _system(one)


def _opener(world: World, one: Message) -> Message | None:
    pointer = one.reference
    if one.type != MessageType.THREAD_STARTER or pointer is None or pointer.message_id is None:
        return None
    return world.archive.find(pointer.message_id)


def _system(one: Message) -> bool:
    return one.type in _WORDS


def _system_words(one: Message, known: GuildNames) -> str:
    others = ", ".join(known.user(each) or "somebody" for each in one.mentions)
    return _WORDS[MessageType(one.type)].format(other=others or "somebody", text=one.content)


def _reply(world: World, one: Message, viewer: int, known: GuildNames) -> Json | None:
    """Return the first line of the answered message."""
    pointer = one.reference
    if pointer is None or pointer.message_id is None or _system(one):
        return None
    answered = world.archive.find(pointer.message_id)
    if answered is None or not shows(answered, viewer):
        return {"gone": True}
    return {
        "id": str(answered.id),
        "channel": str(answered.channel_id),
        "author": author(world, answered.author_id, known),
        "html": to_html(snippet(answered), known),
    }


def snippet(one: Message) -> str:
    """Return the first line of a message, cut to a length that fits a line."""
    lines = [line for line in components.text_of(one).splitlines() if line.strip() and not line.startswith("```")]
    line = (lines or ["(a file)" if one.attachments else "(no text)"])[0].lstrip("#> ")
    return line if len(line) <= SNIPPET else line[: SNIPPET - 1] + "…"


def _used(interaction: Interaction | None, known: GuildNames) -> Json | None:
    if interaction is None:
        return None
    name = known.user(interaction.user_id)
    slash = interaction.data.get("type", 1) == 1
    return {"by": name, "command": ("/" if slash else "") + str(interaction.data.get("name", ""))}


def _thread(world: World, one: Message) -> Json | None:
    """Return the thread that was opened on the message, or that it announces."""
    pointer = one.reference
    opened = one.thread_id
    if one.type == MessageType.THREAD_CREATED and pointer is not None:
        opened = pointer.channel_id
    thread = world.channels.get(opened or 0)
    if not isinstance(thread, Thread):
        return None
    return {
        "id": str(thread.id),
        "name": thread.name,
        "count": thread.message_count,
        "archived": thread.archived,
    }


def _file(world: World, one: Attachment) -> Json:
    return {
        "name": one.shown_name,
        "size": one.size,
        "url": attachment_urls.path(world, one),
        "image": one.content_type in _IMAGES,
        "about": one.description or "",
        "kept": one.content is not None,
    }


def _embed(one: Json, known: GuildNames) -> Json:
    return {
        "title": one.get("title") or "",
        "url": _web_address(one.get("url")),
        "author": (one.get("author") or {}).get("name") or "",
        "html": to_html(one.get("description") or "", known),
        "colour": one.get("color"),
        "fields": [
            {"name": to_html(str(each.get("name", "")), known), "html": to_html(str(each.get("value", "")), known)}
            for each in one.get("fields") or ()
        ],
        "footer": (one.get("footer") or {}).get("text") or "",
    }


def _web_address(url: object) -> str | None:
    return url if isinstance(url, str) and url.lower().startswith(("http://", "https://")) else None


def component(one: Json, known: GuildNames, files: Mapping[str, Json]) -> Json:
    """Return the component with HTML for its texts, its files, and without addresses that are not of the web."""
    copy = {**one, "components": [component(each, known, files) for each in one.get("components") or ()]}
    for key in ("accessory", "component"):
        if isinstance(inner := one.get(key), dict):
            copy[key] = component(inner, known, files)
    if "content" in one:
        copy["html"] = to_html(str(one["content"]), known)
    if "url" in one:
        copy["url"] = _web_address(one["url"])
    if "items" in one:
        copy["items"] = [{**each, "media": _media(each.get("media"), files)} for each in one["items"] or ()]
    for key in ("file", "media"):
        if key in one:
            copy[key] = _media(one[key], files)
    return copy


def _media(given: Json | None, files: Mapping[str, Json]) -> Json | None:
    """Return the message's own file that is named, or a picture of the web by its address alone."""
    url = (given or {}).get("url")
    name = str(url).removeprefix(components.UPLOADED)
    if name != url:
        return files.get(cleansed(name, ""))
    web = _web_address(url)
    return None if web is None else {"name": web, "url": web, "about": "", "web": True}
