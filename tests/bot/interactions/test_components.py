"""The ids of buttons and menus. Messages in Discord have these ids, so every version must read them."""

from typing import Any

import discord
import pytest

from bot.gateway.component_registry import COMPONENTS, FORMS
from bot.interactions.components import Button, Component, Menu
from bot.interactions.stop_button import StopButton

TOKEN = "00112233445566ff"

IDS: dict[str, tuple[str, dict[str, int | str]]] = {
    "threadline:stop:12:345": ("StopButton", {"thread_id": 12, "message_id": 345}),
    "threadline:continue:12": ("HeldButton", {"action": "continue", "thread_id": 12}),
    "threadline:drop:12": ("HeldButton", {"action": "drop", "thread_id": 12}),
    "threadline:keep:12": ("KeepGoingButton", {"thread_id": 12}),
    "threadline:retry:345": ("InterruptedButton", {"action": "retry", "message_id": 345}),
    "threadline:skip:345": ("InterruptedButton", {"action": "skip", "message_id": 345}),
    "threadline:go_on:12": ("ContinueButton", {"thread_id": 12}),
    "threadline:reach:12:worker1": ("PlaceButton", {"action": "reach", "thread_id": 12, "place": "worker1"}),
    "threadline:elsewhere:12:here": ("PlaceButton", {"action": "elsewhere", "thread_id": 12, "place": "here"}),
    "threadline:now:12:345": ("QueueButton", {"action": "now", "thread_id": 12, "first": 345}),
    "threadline:into:12:345": ("QueueButton", {"action": "into", "thread_id": 12, "first": 345}),
    "threadline:unqueue:12:345": ("QueueButton", {"action": "unqueue", "thread_id": 12, "first": 345}),
    "threadline:again:345": ("ResendButton", {"message_id": 345}),
    "threadline:login:12": ("LoginButton", {"thread_id": 12}),
    "threadline:login_cancel:default": ("CancelLoginButton", {"agent": "default"}),
    "threadline:drop_some:12": ("DropMenu", {"thread_id": 12}),
    f"threadline:answer:{TOKEN}:12": ("AnswerButton", {"token": TOKEN, "choice": "12"}),
    f"threadline:answer:{TOKEN}:deny": ("AnswerButton", {"token": TOKEN, "choice": "deny"}),
    f"threadline:answers:{TOKEN}:3": ("AnswerMenu", {"token": TOKEN, "menu": 3}),
    f"threadline:elicit:{TOKEN}:0": ("ElicitationButton", {"token": TOKEN, "action": "0"}),
    f"threadline:elicit:{TOKEN}:open": ("ElicitationButton", {"token": TOKEN, "action": "open"}),
    f"threadline:elicit:{TOKEN}:decline": ("ElicitationButton", {"token": TOKEN, "action": "decline"}),
    f"threadline:elicit:{TOKEN}:cancel": ("ElicitationButton", {"token": TOKEN, "action": "cancel"}),
    f"threadline:reason:{TOKEN}": ("ReasonButton", {"token": TOKEN}),
    f"threadline:grant:{TOKEN}": ("GrantButton", {"token": TOKEN}),
    f"threadline:rule:{TOKEN}": ("RuleMenu", {"token": TOKEN}),
    "threadline:revoke:12": ("RevokeMenu", {"thread_id": 12}),
    "threadline:set:01234567": ("OptionMenu", {"key": "01234567"}),
    "threadline:set:list": ("OptionMenu", {"key": "list"}),
    "threadline:page:01234567:2": ("PageButton", {"key": "01234567", "page": 2}),
    "threadline:page:list:0": ("PageButton", {"key": "list", "page": 0}),
}


def matches(custom_id: str) -> dict[type[Component[Any]], Any]:
    """Return the classes whose template matches an id, each with its values."""
    found = {kind: kind.__discord_ui_compiled_template__.fullmatch(custom_id) for kind in COMPONENTS}
    return {kind: match for kind, match in found.items() if match}


@pytest.mark.parametrize("custom_id", IDS)
async def test_an_id_is_read_by_one_class_and_written_by_it_again(custom_id: str) -> None:
    """That is true of every version's ids, and of texts of digits alone."""
    name, fields = IDS[custom_id]
    ((kind, match),) = matches(custom_id).items()
    assert kind.__name__ == name
    shown: Any = discord.ui.Select() if name.endswith("Menu") else discord.ui.Button()
    pressed = await kind.from_custom_id(None, shown, match)
    assert {field: getattr(pressed, field) for field in fields} == fields
    assert pressed.item is shown
    assert pressed.to_component_dict()["custom_id"] == kind(shown, **fields).custom_id == custom_id


def test_every_class_has_an_id_above() -> None:
    """A new button or menu must be registered; its id is kept here from then on."""
    assert {each.__name__ for each in COMPONENTS} == {name for name, _ in IDS.values()}
    assert {*COMPONENTS} == {kind for base in (Button, Menu) for kind in below(base)}


def below(base: Any) -> set[type[Any]]:
    """Return the bot's classes of a kind."""
    return {kind for kind in Component.__subclasses__() if kind.__orig_bases__ == (base,)}  # type: ignore[attr-defined]


def test_a_form_is_found_by_its_id() -> None:
    """Forms may be open somewhere."""
    ids = (f"threadline:form:{TOKEN}:3", f"threadline:because:{TOKEN}", "threadline:about:345")
    for place, custom_id in enumerate(ids):
        assert [pattern.fullmatch(custom_id) is not None for pattern in FORMS] == [each == place for each in range(3)]


def test_an_id_that_its_own_template_would_not_take_is_never_shown() -> None:
    """Its presses would have no handler."""
    with pytest.raises(ValueError, match="must match the template"):
        StopButton(discord.ui.Button(label="Stop"), thread_id=-1, message_id=1)
