"""Actions of a person, one function each; the first line of its docstring is what `GET /` says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from loopback.server import Loopback
from loopback.state.field_types import id_in
from loopback.state.outcome import Outcome
from loopback.user import User

from . import views
from .request_fields import Action, BadRequest, NotThere, RequestFields


@dataclass(frozen=True)
class ActionContext:
    """The server, and the person who acts."""

    server: Loopback
    person: User


async def _say(context: ActionContext, fields: RequestFields) -> Any:
    """Post a message; `files` have a `name` and `text` or `base64`."""
    said = await context.person.say(
        fields.channel("channel"),
        fields.text("text", ""),
        files=fields.files,
        reply_to=fields.message("reply_to") if "reply_to" in fields else None,
    )
    return views.message(context.server.world, said)


async def _edit(context: ActionContext, fields: RequestFields) -> Any:
    """Change a message of one's own."""
    return views.message(
        context.server.world, await context.person.edit(fields.message("message"), fields.text("text"))
    )


async def _delete(context: ActionContext, fields: RequestFields) -> None:
    """Delete a message."""
    await context.person.delete(fields.message("message"))


async def _react(context: ActionContext, fields: RequestFields) -> None:
    """Add a reaction."""
    await context.person.react(fields.message("message"), fields.text("emoji"))


async def _unreact(context: ActionContext, fields: RequestFields) -> None:
    """Take a reaction back."""
    await context.person.unreact(fields.message("message"), fields.text("emoji"))


async def _type(context: ActionContext, fields: RequestFields) -> None:
    """Show that one is typing."""
    await context.person.type(fields.channel("channel"))


async def _open_thread(context: ActionContext, fields: RequestFields) -> Any:
    """Open a thread on a `message` or in a `channel`; in a forum `text` is its first message."""
    place = fields.message("message") if "message" in fields else fields.channel("channel")
    return views.channel(await context.person.open_thread(place, fields.text("name"), fields.text("text", "")))


async def _rename(context: ActionContext, fields: RequestFields) -> None:
    """Rename a thread or channel."""
    await context.person.rename(fields.channel("channel"), fields.text("name"))


async def _archive(context: ActionContext, fields: RequestFields) -> None:
    """Archive a thread, or open it again with `archived` false."""
    await context.person.archive(fields.thread("thread"), archived=fields.truth("archived", default=True))


async def _join(context: ActionContext, fields: RequestFields) -> None:
    """Join a thread."""
    await context.person.join(fields.thread("thread"))


async def _leave(context: ActionContext, fields: RequestFields) -> None:
    """Leave a thread."""
    await context.person.leave(fields.thread("thread"))


async def _direct(context: ActionContext, fields: RequestFields) -> Any:
    """The DM with another user."""
    return views.channel(context.person.direct(fields.account("user")))


async def _sees(context: ActionContext, fields: RequestFields) -> Any:
    """Wait for a message in `channel` that has the `text` or matches the `pattern`; `by` and `after` narrow it."""
    seen = await context.person.sees(
        fields.channel("channel"),
        fields.wanted,
        by=fields.account("by") if "by" in fields else None,
        after=fields.message("after") if "after" in fields else None,
        timeout=fields.timeout,
    )
    return views.message(context.server.world, seen)


async def _sees_thread(context: ActionContext, fields: RequestFields) -> Any:
    """Wait for the thread of a message, with oneself in it."""
    return views.channel(await context.person.sees_thread(fields.message("message"), timeout=fields.timeout))


async def _click(context: ActionContext, fields: RequestFields) -> Any:
    """Press a button, by its label as `button` or by its `custom_id`."""
    custom_id = fields.text("custom_id") if "custom_id" in fields else None
    label = fields.text("button") if "button" in fields else None
    return _outcome(context, await context.person.click(fields.message("message"), label, custom_id=custom_id))


async def _pick(context: ActionContext, fields: RequestFields) -> Any:
    """Choose `values` in the message's menu; `custom_id` says which of several."""
    custom_id = fields.text("custom_id") if "custom_id" in fields else None
    picked = await context.person.pick(fields.message("message"), fields.many("values"), custom_id=custom_id)
    return _outcome(context, picked)


async def _fill(context: ActionContext, fields: RequestFields) -> Any:
    """Send the form that answered an `interaction`: `values` by label or custom_id."""
    return _outcome(context, await context.person.fill(_before(context, fields), fields.object("values")))


async def _slash(context: ActionContext, fields: RequestFields) -> Any:
    """Use a slash command, with `options` by name."""
    options = fields.object("options")
    return _outcome(context, await context.person.slash(fields.channel("channel"), fields.text("command"), **options))


async def _autocomplete(context: ActionContext, fields: RequestFields) -> Any:
    """Type `text` into the option `focused` of a command; the outcome has the choices."""
    place, command = fields.channel("channel"), fields.text("command")
    options = fields.object("options")
    typed = await context.person.autocomplete(place, command, fields.text("focused"), fields.text("text"), **options)
    return _outcome(context, typed)


async def _menu(context: ActionContext, fields: RequestFields) -> Any:
    """Use a context-menu command on a `message`, or on a `user` in a `channel`."""
    if "message" in fields:
        return _outcome(context, await context.person.menu(fields.message("message"), fields.text("command")))
    place = fields.channel("channel")
    return _outcome(context, await context.person.menu(fields.account("user"), fields.text("command"), channel=place))


async def _settled(context: ActionContext, fields: RequestFields) -> Any:
    """Wait until the answer to an `interaction` is there and has the `text` or matches the `pattern`."""
    before = _before(context, fields)
    await before.settled(fields.wanted, timeout=fields.timeout)
    return _outcome(context, before)


def _before(context: ActionContext, fields: RequestFields) -> Outcome:
    named = fields.text("interaction")
    interaction = context.server.world.interactions.get(id_in(named))
    if interaction is None:
        raise NotThere(f"no interaction {named!r}")
    if interaction.user_id != context.person.id:
        raise BadRequest("the interaction is somebody else's")
    return context.person.outcome(interaction)


def _outcome(context: ActionContext, outcome: Outcome) -> Any:
    return views.outcome(context.server.world, outcome)


PERSON_ACTIONS: Final = {
    "say": Action.of(_say, "channel", "text", "files", "reply_to"),
    "edit": Action.of(_edit, "message", "text"),
    "delete": Action.of(_delete, "message"),
    "react": Action.of(_react, "message", "emoji"),
    "unreact": Action.of(_unreact, "message", "emoji"),
    "type": Action.of(_type, "channel"),
    "open_thread": Action.of(_open_thread, "message", "channel", "name", "text"),
    "rename": Action.of(_rename, "channel", "name"),
    "archive": Action.of(_archive, "thread", "archived"),
    "join": Action.of(_join, "thread"),
    "leave": Action.of(_leave, "thread"),
    "direct": Action.of(_direct, "user"),
    "sees": Action.of(_sees, "channel", "text", "pattern", "by", "after", "timeout"),
    "sees_thread": Action.of(_sees_thread, "message", "timeout"),
    "click": Action.of(_click, "message", "button", "custom_id"),
    "pick": Action.of(_pick, "message", "values", "custom_id"),
    "fill": Action.of(_fill, "interaction", "values"),
    "slash": Action.of(_slash, "channel", "command", "options"),
    "autocomplete": Action.of(_autocomplete, "channel", "command", "focused", "text", "options"),
    "menu": Action.of(_menu, "message", "user", "channel", "command"),
    "settled": Action.of(_settled, "interaction", "text", "pattern", "timeout"),
}
