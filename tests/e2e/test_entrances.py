"""Every entrance to the bot, found by inspection, and the gate in front of each.

A new command, button, menu, form or event is found too: the outsider tries it, or it is missing from a table here.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import discord
from discord import app_commands
from hypothesis import Phase, find, settings
from hypothesis import strategies as st

import bot
from bot.access.gate import Right
from bot.config.appearance import EYE
from bot.gateway.client import ThreadlineClient
from bot.gateway.component_registry import FORMS
from bot.interactions.components import Component
from bot.user_messages.access import not_permitted
from loopback import Message, Outcome, User
from loopback.state.entities import Bot, InteractionType, Thread

from .live_bot import BotLab, bot_lab, said

EVENTS = {
    "on_connect": "nobody's doing",
    "on_error": "nobody's doing",
    "on_ready": "nobody's doing",
    "on_guild_available": "nobody's doing; what was written there is judged",
    "on_thread_update": "names the session as the thread; Discord has judged who may rename it",
    "on_raw_thread_delete": "ends what went on there; Discord has judged who may delete it",
    "on_guild_channel_delete": "the same",
    "on_guild_remove": "the same",
    "on_interaction": "takes forms, and asks: the outsider below sends one",
    "on_raw_message_edit": "judged again: tests/e2e/test_queue.py",
    "on_raw_message_delete": "takes back what waits; Discord has judged who may delete it",
    "on_raw_bulk_message_delete": "the same",
    "on_message": "judged: tests/bot/access/test_gate.py, and test_access.py beside this file",
}
"""The gateway's events that the bot listens to, and how each is judged."""

WAYS = {
    ("intake", "submit"): "a message, a request of a command or a menu, or a press of Continue, that was judged",
    ("intake", "wait"): "one that was missed, behind a question about a turn that was cut off",
    ("intake", "go_first"): "the reason of a rejection, that was judged",
    ("thread_opener", "submit"): "one that gets no thread, in its channel",
    ("interrupted_turns", "go_first"): "a press of Retry, for whoever asked",
    ("recovery", "restore"): "what waited when the bot ended",
}
"""Where the bot gives the pool something to do, and what. `Exchange.admitted` judges all of it, whose ever it is:
tests/e2e/test_rights.py."""

RIGHTS = {
    "cancel": Right.STOP,
    "reset": Right.RESET,
    "close": Right.RESET,
    "resume": Right.CONTINUE,
    "reload": Right.ADMIN,
    "ask": Right.TALK,
    "run": Right.TALK,
    "agent": Right.CHANGE,
    "login": Right.LOGIN,
    "help": Right.LOOK,
    "model": Right.TALK,
    "mode": Right.CHANGE,
    "config": Right.TALK,
    "diff": Right.TALK,
    "export": Right.LOOK,
    "status": Right.LOOK,
    "fork": Right.TALK,
    "btw": Right.TALK,
    "permissions": Right.LOOK,
    "queue": Right.LOOK,
    "sessions": Right.LOOK,
}
"""What one must be allowed for each command."""

EVERYBODYS = {Right.LOOK, Right.TALK}
"""Rights that every user has."""


def below(kind: type[Any]) -> Iterator[type[Any]]:
    """Return all classes of the bot below a class of the library."""
    for each in kind.__subclasses__():
        yield from below(each)
        if each.__module__.startswith("bot."):
            yield each


BUTTONS = sorted(set(below(discord.ui.DynamicItem)) - {Component}, key=lambda each: each.__qualname__)


def commands_of(client: ThreadlineClient) -> list[app_commands.Command[Any, Any, Any]]:
    """Return all slash commands, also in groups."""
    return [each for each in client.tree.walk_commands() if isinstance(each, app_commands.Command)]


def sample(pattern: str, thread: Thread, message: Message) -> str:
    """Return an id for a template: of this thread and message where it needs them."""
    for name, value in (("thread", thread.id), ("message", message.id)):
        pattern = re.sub(rf"\(\?P<{name}(?:_id)?>[^()]*\)", str(value), pattern)
    shape = st.from_regex(re.compile(pattern), fullmatch=True)
    return find(shape, lambda _: True, settings=settings(max_examples=1, phases=[Phase.generate], database=None))


async def pressed(lab: BotLab, person: User, thread: Thread, custom_id: str, kind: type[Any]) -> Outcome:
    """Press a button or menu that the bot never shows: the bot posts it, so that its id can be forged."""
    view = discord.ui.View(timeout=None)
    menu = "Select" in str(getattr(kind, "__orig_bases__", ""))
    item: discord.ui.Item[Any] = (
        discord.ui.Select(custom_id=custom_id, options=[discord.SelectOption(label="one", value="one")])
        if menu
        else discord.ui.Button(label="forged", custom_id=custom_id)
    )
    view.add_item(item)
    view.stop()
    channel = lab.client.get_partial_messageable(thread.id)
    posted = await channel.send("forged", view=view)
    message = next(each for each in lab.discord.messages(thread) if each.id == posted.id)
    return await (person.pick(message, ["one"]) if menu else person.click(message))


def test_every_event_that_the_client_hears_is_known_here() -> None:
    """A new listener is a new entrance. It needs the gate and an entry in the table above."""
    heard = {
        name
        for base in ThreadlineClient.__mro__
        if base.__module__.startswith("bot.")
        for name, value in vars(base).items()
        if name.startswith("on_") and inspect.iscoroutinefunction(value)
    }
    assert heard == set(EVENTS)


def test_every_way_to_a_turn_is_known_here() -> None:
    """For each way into a thread's inbox, the gate is asked again when the turn begins."""
    found = {
        (path.stem, way)
        for path in Path(bot.__file__).parent.rglob("*.py")
        for way in re.findall(r"pool\.(submit|go_first|restore|wait)\(", path.read_text())
    }
    assert found == set(WAYS)


def test_nothing_but_the_client_and_its_templates_listens() -> None:
    """The library's memory holds neither views nor forms of the bot, for which no template would be asked.

    A form does nothing by itself: `on_interaction` finds it by its id, also after a restart.
    """
    assert [each.__qualname__ for each in below(discord.ui.View)] == []
    for form in below(discord.ui.Modal):
        assert form.on_submit is discord.ui.Modal.on_submit, form.__qualname__


async def test_an_outsider_finds_every_entrance_closed(tmp_path: Path) -> None:
    """Commands, context menus, autocompletion, buttons and menus are refused, without any effect but the refusal."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say begun\nhang")
        reply = await lab.ann.sees(thread, "begun", by=lab.bot)
        (request,) = lab.discord.messages(lab.channel)
        await lab.discord.until(lambda: EYE in request.reactions)
        client = lab.client
        before = len(lab.discord.record)
        for command in commands_of(client):
            given: dict[str, Any] = {each.name: "1" for each in command.parameters if each.required}
            outcome = await lab.mallory.slash(thread, command.qualified_name, **given)
            assert "have access to this bot" in said(outcome), command.qualified_name
            for option in command.parameters:
                if option.autocomplete:
                    typed = await lab.mallory.autocomplete(thread, command.qualified_name, option.name, "a")
                    assert typed.acknowledged
                    assert typed.choices == [], option.name
        for menu in client.tree.get_commands(type=discord.AppCommandType.message):
            assert "have access to this bot" in said(await lab.mallory.menu(reply, menu.name)), menu.name
        for menu in client.tree.get_commands(type=discord.AppCommandType.user):
            outcome = await lab.mallory.menu(lab.discord.world.accounts[lab.ann.id], menu.name, channel=thread)
            assert "have access to this bot" in said(outcome), menu.name
        done = {(call.method, call.path.rsplit("/", 1)[-1]) for call in lab.discord.record[before:]}
        assert done - {("POST", "typing")} == {("POST", "callback")}  # The agent is at work all the while.
        for button in BUTTONS:
            custom_id = sample(button.__discord_ui_compiled_template__.pattern, thread, reply)
            outcome = await pressed(lab, lab.mallory, thread, custom_id, button)
            assert outcome.acknowledged, button.__qualname__
            assert "have access to this bot" in said(outcome), button.__qualname__
        opened = outcome.interaction
        for form in (pattern.pattern for pattern in FORMS):
            sent = {"custom_id": sample(form, thread, reply), "components": []}
            bot = lab.discord.world.accounts[lab.bot.id]
            assert isinstance(bot, Bot)
            outcome = await lab.mallory._begin(bot, thread, InteractionType.MODAL, sent, message=reply, origin=opened)
            assert "have access to this bot" in said(outcome), form
        assert "working" in repr(client.pool.conversation(thread.id))
        assert "Stopping" in said(await lab.ann.slash(thread, "cancel"))


async def test_a_user_has_no_more_than_a_users_rights_in_anothers_thread(tmp_path: Path) -> None:
    """Every command that needs more rights says which; every user may look."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        commands = {each.qualified_name: each for each in commands_of(lab.client)}
        assert set(commands) == set(RIGHTS)
        for name, right in RIGHTS.items():
            given: dict[str, Any] = {each.name: "1" for each in commands[name].parameters if each.required}
            outcome = await lab.ben.slash(thread, name, **given)
            refused = not_permitted(right.value) in said(outcome)
            assert refused == (right not in EVERYBODYS), name
        taken = await lab.ben.slash(thread, "resume", session="another")
        assert not_permitted(Right.ADMIN.value) in said(taken)
        assert "working" in repr(lab.client.pool.conversation(thread.id))
        assert "Stopping" in said(await lab.ann.slash(thread, "cancel"))


async def test_who_began_a_conversation_may_forget_and_close_it(tmp_path: Path) -> None:
    """Later authors may not, since they would take it from its starter."""
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say one", lab.ben)
        await lab.answer(thread, "one")
        assert "reset the session" in said(await lab.ben.slash(thread, "reset"))
        assert "Closed" in said(await lab.ben.slash(thread, "close"))
        other = await lab.thread("say two", lab.ann)
        two = await lab.answer(other, "two")
        await lab.ben.say(other, "say three")
        await lab.answer(other, "three", after=two)
        for name in ("reset", "close"):
            assert not_permitted(Right.RESET.value) in said(await lab.ben.slash(other, name))
