"""Messages and their reactions."""

from __future__ import annotations

from typing import Final

from loopback.payloads import message_payloads
from loopback.payloads import objects as payloads
from loopback.rest.rate_limits import Limit
from loopback.state import messages, reactions
from loopback.state.entities import Json
from loopback.state.errors import DiscordError, Reason, invalid
from loopback.state.field_types import id_in
from loopback.state.permissions import Permission

from .route import Call, Route

PAGE: Final = 100
BULK: Final = range(2, 101)
OLD_SECONDS: Final = 3600.0


def _get_messages(call: Call) -> list[Json]:
    channel = call.channel()
    limit = call.limit(50, PAGE)
    if not call.world.permissions(channel, call.bot.id) & Permission.READ_MESSAGE_HISTORY:
        return []
    before, after, around = call.asked("before"), call.asked("after"), call.asked("around")
    page = messages.history(channel, before=before, after=after, around=around, limit=limit)
    return [message_payloads.message(call.world, message, call.bot.id, content=_readable(call)) for message in page]


def _readable(call: Call) -> bool:
    """Return whether the application's settings have the intent, without which REST gives no content either."""
    return bool(call.bot.allowed_intents & message_payloads.MESSAGE_CONTENT)


def _get_message(call: Call) -> Json:
    message = call.message(Permission.READ_MESSAGE_HISTORY)
    about_me = call.bot.id in (message.author_id, *message.mentions) or message.guild_id is None
    return message_payloads.message(call.world, message, call.bot.id, content=about_me or _readable(call))


def _post_message(call: Call) -> Json:
    message = messages.post(call.world, call.channel(), call.bot.id, call.draft)
    return message_payloads.message(call.world, message, call.bot.id)


def _patch_message(call: Call) -> Json:
    message = messages.edit_as(call.world, call.channel(), call.bot.id, call.id("message_id"), call.draft)
    return message_payloads.message(call.world, message, call.bot.id)


def _old_edit(call: Call) -> Limit | None:
    message = call.world.archive.find(id_in(call.names["message_id"]))
    old = message is not None and call.world.clock() - message.created > OLD_SECONDS
    return Limit.OLD_EDITS if old else None


def _delete_message(call: Call) -> None:
    messages.delete_as(call.world, call.channel(), call.bot.id, call.id("message_id"))


def _bulk_delete(call: Call) -> None:
    channel = call.channel(Permission.MANAGE_MESSAGES)
    named = [id_in(str(one)) for one in call.fields.get("messages") or ()]
    if len(named) not in BULK:
        raise invalid(("messages",), "BASE_TYPE_BAD_LENGTH", "Must be between 2 and 100 in length.")
    there = dict.fromkeys(one for one in named if one in channel.messages)
    messages.delete_many(call.world, tuple(channel.messages[one] for one in there))


def _emoji(call: Call) -> str:
    name = call.names["emoji"]
    if name.isascii():
        raise DiscordError(Reason.UNKNOWN_EMOJI)
    return name


def _put_reaction(call: Call) -> None:
    reactions.react(call.world, call.message(), call.bot.id, _emoji(call))


def _delete_my_reaction(call: Call) -> None:
    reactions.unreact(call.world, call.message(), call.bot.id, _emoji(call))


def _delete_reaction(call: Call) -> None:
    user_id = call.id("user_id")
    needs = 0 if user_id == call.bot.id else Permission.MANAGE_MESSAGES
    reactions.unreact(call.world, call.message(needs), user_id, _emoji(call))


def _delete_reactions(call: Call) -> None:
    reactions.clear_reactions(call.world, call.message(Permission.MANAGE_MESSAGES))


def _delete_emoji(call: Call) -> None:
    reactions.clear_reactions(call.world, call.message(Permission.MANAGE_MESSAGES), _emoji(call))


def _get_reactions(call: Call) -> list[Json]:
    after = call.asked("after") or 0
    users = sorted(user_id for user_id in call.message().reactions.get(_emoji(call), []) if user_id > after)
    return [payloads.user(call.world.accounts[user_id]) for user_id in users[: call.limit(25, PAGE)]]


_ONE: Final = "/channels/{channel_id}/messages/{message_id}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/channels/{channel_id}/messages", _get_messages),
    Route("POST", "/channels/{channel_id}/messages", _post_message, limit=Limit.MESSAGES),
    Route("POST", "/channels/{channel_id}/messages/bulk-delete", _bulk_delete),
    Route("GET", _ONE, _get_message),
    Route("PATCH", _ONE, _patch_message, limit=Limit.MESSAGES, also=_old_edit),
    Route("DELETE", _ONE, _delete_message),
    Route("PUT", _ONE + "/reactions/{emoji}/@me", _put_reaction, limit=Limit.REACTIONS),
    Route("DELETE", _ONE + "/reactions/{emoji}/@me", _delete_my_reaction, limit=Limit.REACTIONS),
    Route("DELETE", _ONE + "/reactions/{emoji}/{user_id}", _delete_reaction, limit=Limit.REACTIONS),
    Route("DELETE", _ONE + "/reactions/{emoji}", _delete_emoji, limit=Limit.REACTIONS),
    Route("DELETE", _ONE + "/reactions", _delete_reactions, limit=Limit.REACTIONS),
    Route("GET", _ONE + "/reactions/{emoji}", _get_reactions),
)
