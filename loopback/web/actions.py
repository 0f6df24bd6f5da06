"""The actions of a person on the page, by name: each calls the `User` method that a test calls."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final

from loopback.state import commands, drafts, threads
from loopback.state.change_signal import ChangeSignal
from loopback.state.drafts import Upload
from loopback.state.entities import Bot, CallbackType, Json, Thread
from loopback.state.field_types import is_snowflake
from loopback.state.outcome import Outcome
from loopback.state.world import World
from loopback.user import User
from loopback.web.tab import Tab

from . import view
from .names import GuildNames

FORMS_KEPT: Final = 20


class ActionFields:
    """The fields of one request of the page. Raises ValueError for a field of the wrong type."""

    def __init__(self, fields: Any) -> None:
        if not isinstance(fields, dict):
            raise ValueError("a request is an object")  # noqa: TRY004 -- one type for all wrong requests
        self._fields: Json = fields

    def _get(self, name: str, kind: type[Any], default: Any = None) -> Any:
        value = self._fields.get(name, default)
        if not isinstance(value, kind):
            raise ValueError(f"{name} must be {kind.__name__}")  # noqa: TRY004 -- as above
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string."""
        return str(self._get(name, str, default))

    def id(self, name: str) -> int:
        """Return an id, which the page sends as a string."""
        text = self.text(name)
        if not is_snowflake(text):
            raise ValueError(f"{name} must be an id")
        return int(text)

    def has(self, name: str) -> bool:
        """Return whether the field is there and not null."""
        return self._fields.get(name) is not None

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return bool(self._get(name, bool))

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        return [str(one) for one in self._get(name, list)]

    def values(self, name: str) -> dict[str, Any]:
        """Return an object of plain values."""
        return {str(key): value for key, value in self._get(name, dict).items()}

    def files(self, name: str) -> list[tuple[str, bytes]]:
        """Return the files, which are objects of `name` and base64 `data`."""
        try:
            return [(str(one["name"]), base64.b64decode(one["data"], validate=True)) for one in self._get(name, list)]
        except (KeyError, TypeError, binascii.Error):
            raise ValueError("a file has a name and its data in base64") from None


class TabActions:
    """The actions of one tab."""

    def __init__(self, world: World, changes: ChangeSignal, tab: Tab) -> None:
        self._world = world
        self._tab = tab
        self._user = User(tab.viewer, world, changes)
        self._forms: dict[int, Outcome] = {}

    async def perform(self, name: str, asked: ActionFields) -> Json:
        """Perform an action, and return its result for the page. Raises DiscordError and ValueError."""
        act = self._BY_NAME.get(name)
        if act is None:
            raise ValueError(f"there is no act {name!r}")
        try:
            return await act(self, asked) or {}
        except AssertionError as error:  # `User` refuses what a person cannot do
            raise ValueError(str(error)) from error

    # Looking

    async def _look(self, asked: ActionFields) -> Json:
        return self._tab.look(asked.id("channel"))

    async def _older(self, asked: ActionFields) -> Json:
        return self._tab.older(asked.id("channel"), asked.id("before"))

    async def _close(self, asked: ActionFields) -> None:
        self._tab.leave(asked.id("channel"))

    async def _direct(self, asked: ActionFields) -> Json:
        bot = self._world.account(asked.id("bot"))
        return {"channel": str(self._user.direct(bot).id)}

    # Messages

    async def _say(self, asked: ActionFields) -> Json:
        channel = asked.id("channel")
        answered = self._tab.message(channel, asked.id("reply")) if asked.has("reply") else None
        text, files = asked.text("text"), asked.files("files")
        drafts.read({"content": text}, [Upload(*file) for file in files])
        said = await self._user.say(channel, text, files=files, reply_to=answered)
        return {"id": str(said.id)}

    async def _edit(self, asked: ActionFields) -> None:
        drafts.read({"content": asked.text("text")})
        await self._user.edit(self._tab.message(asked.id("channel"), asked.id("message")), asked.text("text"))

    async def _delete(self, asked: ActionFields) -> None:
        await self._user.delete(self._tab.message(asked.id("channel"), asked.id("message")))

    async def _react(self, asked: ActionFields) -> None:
        message = self._tab.message(asked.id("channel"), asked.id("message"))
        emoji = asked.text("emoji")
        if self._user.id in message.reactions.get(emoji, ()):
            await self._user.unreact(message, emoji)
        else:
            await self._user.react(message, emoji)

    async def _type(self, asked: ActionFields) -> None:
        await self._user.type(asked.id("channel"))

    # Threads

    async def _open_thread(self, asked: ActionFields) -> Json:
        channel = self._world.channel(asked.id("channel"), self._user.id)
        place = self._tab.message(channel.id, asked.id("message")) if asked.has("message") else channel
        return {"channel": str((await self._user.open_thread(place, asked.text("name"))).id)}

    async def _rename(self, asked: ActionFields) -> None:
        await self._user.rename(asked.id("channel"), asked.text("name"))

    async def _archive(self, asked: ActionFields) -> None:
        await self._user.archive(self._thread(asked), archived=asked.flag("archived"))

    async def _join(self, asked: ActionFields) -> None:
        thread = self._thread(asked)
        await (self._user.leave(thread) if self._user.id in thread.members else self._user.join(thread))

    def _thread(self, asked: ActionFields) -> Thread:
        return threads.thread_of(self._world, asked.id("channel"), self._user.id)

    # Buttons, menus, forms

    async def _press(self, asked: ActionFields) -> Json:
        message = self._tab.message(asked.id("channel"), asked.id("message"))
        return self._result(await self._user.click(message, custom_id=asked.text("custom_id")))

    async def _pick(self, asked: ActionFields) -> Json:
        message = self._tab.message(asked.id("channel"), asked.id("message"))
        picked = await self._user.pick(message, asked.texts("values"), custom_id=asked.text("custom_id"))
        return self._result(picked)

    async def _fill(self, asked: ActionFields) -> Json:
        form = self._forms.get(asked.id("form"))
        if form is None:
            raise ValueError("this form is no longer open")
        outcome = await self._user.fill(form, asked.values("values"))
        del self._forms[form.interaction.id]
        return self._result(outcome)

    def _result(self, outcome: Outcome) -> Json:
        """Return the form that an outcome opens, if any. The page sees other results as messages."""
        response = outcome.response
        if response is None:
            raise ValueError(f"{outcome.interaction.bot.name} did not respond in time.")
        if response["type"] != CallbackType.MODAL:
            return {}
        self._forms[outcome.interaction.id] = outcome
        while len(self._forms) > FORMS_KEPT:
            del self._forms[next(iter(self._forms))]
        known = GuildNames(self._world, self._world.guilds.get(outcome.interaction.guild_id or 0))
        shown = response["data"]
        fields = [view.component(one, known, {}) for one in shown["components"]]
        return {"form": {"id": str(outcome.interaction.id), "title": shown["title"], "components": fields}}

    # Commands

    async def _commands(self, asked: ActionFields) -> Json:
        channel = self._world.channel(asked.id("channel"), self._user.id)
        slash = commands.available(self._world, channel, commands.SLASH)
        menus = commands.available(self._world, channel, commands.MESSAGE_MENU)
        return {
            "slash": [one for found in slash for one in _invocations(found.bot, found.command)],
            "menus": [{"bot": found.bot.name, "name": found.command["name"]} for found in menus],
        }

    async def _slash(self, asked: ActionFields) -> Json:
        channel, values = asked.id("channel"), asked.values("values")
        return self._result(await self._user.slash(channel, asked.text("command"), **values))

    async def _complete(self, asked: ActionFields) -> Json:
        values = asked.values("values")
        focused = asked.text("focused")
        values.pop(focused, None)
        channel, command = asked.id("channel"), asked.text("command")
        outcome = await self._user.autocomplete(channel, command, focused, asked.text("text"), **values)
        return {"choices": outcome.choices}

    async def _menu(self, asked: ActionFields) -> Json:
        message = self._tab.message(asked.id("channel"), asked.id("message"))
        return self._result(await self._user.menu(message, asked.text("command")))

    _BY_NAME: ClassVar[dict[str, Callable[[TabActions, ActionFields], Awaitable[Json | None]]]] = {
        "look": _look,
        "older": _older,
        "close": _close,
        "direct": _direct,
        "say": _say,
        "edit": _edit,
        "delete": _delete,
        "react": _react,
        "type": _type,
        "open_thread": _open_thread,
        "rename": _rename,
        "archive": _archive,
        "join": _join,
        "press": _press,
        "pick": _pick,
        "fill": _fill,
        "commands": _commands,
        "slash": _slash,
        "complete": _complete,
        "menu": _menu,
    }


def _invocations(bot: Bot, command: Json, path: str = "") -> list[Json]:
    """Return the command, or each of its sub-commands, as a person types it."""
    name = f"{path} {command['name']}".strip()
    options = command.get("options") or []
    inner = [one for one in options if one["type"] in commands.SUB_COMMANDS]
    if inner:
        return [each for one in inner for each in _invocations(bot, one, name)]
    return [{"bot": bot.name, "name": name, "description": command.get("description", ""), "options": options}]
