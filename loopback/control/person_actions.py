"""Actions of a person, one function each; the first line of its docstring is what `GET /` says about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from loopback.server import Loopback
from loopback.state.outcome import Outcome
from loopback.user import User

from . import views as view
from .request_fields import BadRequest, NotThere, RequestFields


@dataclass(frozen=True)
class ActionContext:
    """The server, and the person who acts."""

    server: Loopback
    person: User


Performance = Callable[[ActionContext, RequestFields], Awaitable[Any]]


@dataclass(frozen=True)
class PersonAction:
    """One act, and the fields that it takes."""

    perform: Performance
    fields: frozenset[str]


async def _say(scene: ActionContext, asked: RequestFields) -> Any:
    """Post a message; `files` have a `name` and `text` or `base64`."""
    said = await scene.person.say(
        asked.channel("channel"),
        asked.text("text", ""),
        files=asked.files,
        reply_to=asked.message("reply_to") if "reply_to" in asked else None,
    )
    return view.message(scene.server.world, said)


async def _edit(scene: ActionContext, asked: RequestFields) -> Any:
    """Change a message of one's own."""
    return view.message(scene.server.world, await scene.person.edit(asked.message("message"), asked.text("text")))


async def _delete(scene: ActionContext, asked: RequestFields) -> None:
    """Delete a message."""
    await scene.person.delete(asked.message("message"))


async def _react(scene: ActionContext, asked: RequestFields) -> None:
    """Add a reaction."""
    await scene.person.react(asked.message("message"), asked.text("emoji"))


async def _unreact(scene: ActionContext, asked: RequestFields) -> None:
    """Take a reaction back."""
    await scene.person.unreact(asked.message("message"), asked.text("emoji"))


async def _type(scene: ActionContext, asked: RequestFields) -> None:
    """Show that one is typing."""
    await scene.person.type(asked.channel("channel"))


async def _open_thread(scene: ActionContext, asked: RequestFields) -> Any:
    """Open a thread on a `message` or in a `channel`; in a forum `text` is its first message."""
    place = asked.message("message") if "message" in asked else asked.channel("channel")
    return view.channel(await scene.person.open_thread(place, asked.text("name"), asked.text("text", "")))


async def _rename(scene: ActionContext, asked: RequestFields) -> None:
    """Rename a thread or channel."""
    await scene.person.rename(asked.channel("channel"), asked.text("name"))


async def _archive(scene: ActionContext, asked: RequestFields) -> None:
    """Archive a thread, or open it again with `archived` false."""
    await scene.person.archive(asked.thread("thread"), archived=asked.truth("archived", default=True))


async def _join(scene: ActionContext, asked: RequestFields) -> None:
    """Join a thread."""
    await scene.person.join(asked.thread("thread"))


async def _leave(scene: ActionContext, asked: RequestFields) -> None:
    """Leave a thread."""
    await scene.person.leave(asked.thread("thread"))


async def _direct(scene: ActionContext, asked: RequestFields) -> Any:
    """The DM with another user."""
    return view.channel(scene.person.direct(asked.account("user")))


async def _sees(scene: ActionContext, asked: RequestFields) -> Any:
    """Wait for a message in `channel` that has the `text` or matches the `pattern`; `by` and `after` narrow it."""
    seen = await scene.person.sees(
        asked.channel("channel"),
        asked.wanted,
        by=asked.account("by") if "by" in asked else None,
        after=asked.message("after") if "after" in asked else None,
        timeout=asked.timeout,
    )
    return view.message(scene.server.world, seen)


async def _sees_thread(scene: ActionContext, asked: RequestFields) -> Any:
    """Wait for the thread of a message, with oneself in it."""
    return view.channel(await scene.person.sees_thread(asked.message("message"), timeout=asked.timeout))


async def _click(scene: ActionContext, asked: RequestFields) -> Any:
    """Press a button, by its label as `button` or by its `custom_id`."""
    custom_id = asked.text("custom_id") if "custom_id" in asked else None
    label = asked.text("button") if "button" in asked else None
    return _outcome(scene, await scene.person.click(asked.message("message"), label, custom_id=custom_id))


async def _pick(scene: ActionContext, asked: RequestFields) -> Any:
    """Choose `values` in the message's menu; `custom_id` says which of several."""
    custom_id = asked.text("custom_id") if "custom_id" in asked else None
    picked = await scene.person.pick(asked.message("message"), asked.many("values"), custom_id=custom_id)
    return _outcome(scene, picked)


async def _fill(scene: ActionContext, asked: RequestFields) -> Any:
    """Send the form that answered an `interaction`: `values` by label or custom_id."""
    return _outcome(scene, await scene.person.fill(_before(scene, asked), asked.object("values")))


async def _slash(scene: ActionContext, asked: RequestFields) -> Any:
    """Use a slash command, with `options` by name."""
    options = asked.object("options")
    return _outcome(scene, await scene.person.slash(asked.channel("channel"), asked.text("command"), **options))


async def _autocomplete(scene: ActionContext, asked: RequestFields) -> Any:
    """Type `text` into the option `focused` of a command; the outcome has the choices."""
    place, command = asked.channel("channel"), asked.text("command")
    options = asked.object("options")
    typed = await scene.person.autocomplete(place, command, asked.text("focused"), asked.text("text"), **options)
    return _outcome(scene, typed)


async def _menu(scene: ActionContext, asked: RequestFields) -> Any:
    """Use a context-menu command on a `message`, or on a `user` in a `channel`."""
    if "message" in asked:
        return _outcome(scene, await scene.person.menu(asked.message("message"), asked.text("command")))
    place = asked.channel("channel")
    return _outcome(scene, await scene.person.menu(asked.account("user"), asked.text("command"), channel=place))


async def _settled(scene: ActionContext, asked: RequestFields) -> Any:
    """Wait until the answer to an `interaction` is there and has the `text` or matches the `pattern`."""
    before = _before(scene, asked)
    await before.settled(asked.wanted, timeout=asked.timeout)
    return _outcome(scene, before)


def _before(scene: ActionContext, asked: RequestFields) -> Outcome:
    named = asked.text("interaction")
    interaction = scene.server.world.interactions.get(int(named)) if named.isdigit() else None
    if interaction is None:
        raise NotThere(f"no interaction {named!r}")
    if interaction.user_id != scene.person.id:
        raise BadRequest("the interaction is somebody else's")
    return scene.person.outcome(interaction)


def _outcome(scene: ActionContext, outcome: Outcome) -> Any:
    return view.outcome(scene.server.world, outcome)


def _act(perform: Performance, *fields: str) -> PersonAction:
    return PersonAction(perform, frozenset(fields))


ACTS: Final = {
    "say": _act(_say, "channel", "text", "files", "reply_to"),
    "edit": _act(_edit, "message", "text"),
    "delete": _act(_delete, "message"),
    "react": _act(_react, "message", "emoji"),
    "unreact": _act(_unreact, "message", "emoji"),
    "type": _act(_type, "channel"),
    "open_thread": _act(_open_thread, "message", "channel", "name", "text"),
    "rename": _act(_rename, "channel", "name"),
    "archive": _act(_archive, "thread", "archived"),
    "join": _act(_join, "thread"),
    "leave": _act(_leave, "thread"),
    "direct": _act(_direct, "user"),
    "sees": _act(_sees, "channel", "text", "pattern", "by", "after", "timeout"),
    "sees_thread": _act(_sees_thread, "message", "timeout"),
    "click": _act(_click, "message", "button", "custom_id"),
    "pick": _act(_pick, "message", "values", "custom_id"),
    "fill": _act(_fill, "interaction", "values"),
    "slash": _act(_slash, "channel", "command", "options"),
    "autocomplete": _act(_autocomplete, "channel", "command", "focused", "text", "options"),
    "menu": _act(_menu, "message", "user", "channel", "command"),
    "settled": _act(_settled, "interaction", "text", "pattern", "timeout"),
}
