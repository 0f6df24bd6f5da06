import asyncio
from typing import Any

import pytest

from acp import Choice, Option, ProtocolError, RemoteError, Unsupported
from acp.schema import ConfigOption, ModelState, ModeState
from acp.session_options import SettingMethod, options_of
from tests.acp.official import by_the_schema
from tests.acp.opened import opened
from tests.support.memory_agent import Json, MemoryAgent

pytestmark = by_the_schema

MODES: Json = {
    "currentModeId": "auto",
    "availableModes": [{"id": "auto", "name": "Auto", "description": "Asks nothing"}, {"id": "ask"}],
}
MODELS: Json = {"currentModelId": "big", "availableModels": [{"modelId": "big", "name": "Big"}, {"modelId": "small"}]}
FLAT: Json = {
    "id": "effort",
    "name": "Effort",
    "category": "thought_level",
    "type": "select",
    "currentValue": "low",
    "options": [{"value": "low", "name": "Low"}, {"value": "high", "name": "High", "description": "Slow"}],
}
GROUPED: Json = {
    "id": "model",
    "name": "Model",
    "type": "select",
    "currentValue": "a",
    "options": [
        {"group": "g", "name": "Good ones", "options": [{"value": "a", "name": "A"}, {"value": "b", "name": "B"}]}
    ],
}
SWITCH: Json = {"id": "web", "name": "Web search", "type": "boolean", "currentValue": False}


def told(*options: Json, modes: Json | None = None, models: Json | None = None) -> tuple[Option, ...]:
    """Return the options of a session."""
    return options_of(
        [ConfigOption.model_validate(option) for option in options],
        None if modes is None else ModeState.model_validate(modes),
        None if models is None else ModelState.model_validate(models),
    )


def test_selects_and_switches_are_read() -> None:
    """Flat, grouped, boolean; a select named model is the model's though it has no category."""
    flat, grouped, switch = told(FLAT, GROUPED, SWITCH)
    assert flat == Option(
        "effort",
        "Effort",
        "thought_level",
        "low",
        (Choice("low", "Low"), Choice("high", "High", "Slow")),
        SettingMethod.CONFIG,
    )
    assert grouped.choices == (Choice("a", "A", group="Good ones"), Choice("b", "B", group="Good ones"))
    assert grouped.category == "model"
    assert (switch.current, switch.choices, switch.category) == (False, (), "")


def test_older_agents_modes_and_models_are_options_too() -> None:
    """They have the same type."""
    mode, model = told(modes=MODES, models=MODELS)
    assert mode == Option(
        "mode",
        "Mode",
        "mode",
        "auto",
        (Choice("auto", "Auto", "Asks nothing"), Choice("ask", "ask")),
        SettingMethod.MODE,
    )
    assert model == Option(
        "model", "Model", "model", "big", (Choice("big", "Big"), Choice("small", "small")), SettingMethod.MODEL
    )


def test_a_config_option_takes_the_place_of_modes_and_models() -> None:
    """For each of the two (ACP, Config Options)."""
    mode = {**FLAT, "id": "how", "category": "mode"}
    assert [(each.option_id, each.way) for each in told(mode, GROUPED, modes=MODES, models=MODELS)] == [
        ("how", SettingMethod.CONFIG),
        ("model", SettingMethod.CONFIG),
    ]
    assert [each.option_id for each in told(FLAT, modes=MODES, models=MODELS)] == ["effort", "mode", "model"]


def test_what_comes_twice_or_has_nothing_to_choose_is_left_out() -> None:
    """Discord refuses a menu with a repeated value, and an empty one."""
    again = {"value": "low", "name": "Low once more"}
    doubled = {**FLAT, "options": [*FLAT["options"], again]}
    flat, switch = told(doubled, SWITCH, {**SWITCH, "name": "Once more"}, {**GROUPED, "options": []})
    assert [choice.name for choice in flat.choices] == ["Low", "High"]
    assert switch.name == "Web search"
    modes = {**MODES, "availableModes": [*MODES["availableModes"], {"id": "ask", "name": "Ask again"}]}
    (mode,) = told(modes=modes)
    assert [choice.value for choice in mode.choices] == ["auto", "ask"]


def test_a_choice_that_is_none_is_left_out() -> None:
    """An invalid item does not hide the others."""
    (option,) = told({**GROUPED, "options": [{"options": ["junk", {"value": "a"}]}, {"name": "nameless"}]})
    assert option.choices == (Choice("a", "a"),)


@pytest.mark.parametrize(
    "option",
    [
        {**FLAT, "type": "slider"},
        {**FLAT, "currentValue": 5},
        {**SWITCH, "currentValue": "yes"},
    ],
    ids=["unknown type", "select of a number", "switch of a word"],
)
def test_an_option_that_is_not_understood_is_left_out(option: Json) -> None:
    """ACP demands this for unknown types."""
    assert told(option) == ()


@pytest.mark.parametrize(
    ("settings", "option_id", "value", "method", "params"),
    [
        (
            {"config_options": [FLAT]},
            "effort",
            "high",
            "session/set_config_option",
            {"configId": "effort", "value": "high"},
        ),
        (
            {"config_options": [SWITCH]},
            "web",
            True,
            "session/set_config_option",
            {"configId": "web", "value": True, "type": "boolean"},
        ),
        ({"modes": MODES}, "mode", "ask", "session/set_mode", {"modeId": "ask"}),
        ({"models": MODELS}, "model", "small", "session/set_model", {"modelId": "small"}),
    ],
    ids=["select", "switch", "mode", "model"],
)
async def test_an_option_is_set_the_way_its_agent_offers_it(
    settings: Json, option_id: str, value: Any, method: str, params: Json
) -> None:
    """And read back."""
    async with opened(MemoryAgent(**settings)) as (peer, _, session):
        assert await session.set_option(option_id, value)
        assert (await peer.expect(method))["params"] == {"sessionId": session.session_id, **params}
        assert [option.current for option in session.options] == [value]


@pytest.mark.parametrize(("option_id", "value"), [("speed", "high"), ("effort", True), ("web", "on")])
async def test_an_option_that_is_not_there_is_not_sent(option_id: str, value: Any) -> None:
    """Neither a text for a switch, nor a bool for a select."""
    async with opened(MemoryAgent(config_options=[FLAT, SWITCH])) as (peer, _, session):
        with pytest.raises(Unsupported, match=option_id):
            await session.set_option(option_id, value)
        assert peer.methods() == ["initialize", "session/new"]


async def test_an_option_that_the_agent_sets_otherwise_is_not_set() -> None:
    """The agent's report counts."""
    peer = MemoryAgent(config_options=[FLAT], manual={"session/set_config_option"})
    async with opened(peer) as (_, _, session), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.set_option("effort", "high"))
        peer.reply(await peer.expect("session/set_config_option"), {"configOptions": [FLAT]})
        assert not await task
        assert session.options[0].current == "low"


async def test_an_agent_that_refuses_an_option_says_why() -> None:
    """Its own reason."""
    peer = MemoryAgent(models=MODELS, manual={"session/set_model"})
    async with opened(peer) as (_, _, session):
        task = asyncio.create_task(session.set_option("model", "small"))
        peer.fail(await peer.expect("session/set_model"), -32602, "Unknown model gpt-5[medium]")
        with pytest.raises(RemoteError, match="Unknown model"):
            await task
        assert session.options[0].current == "big"


@pytest.mark.parametrize("answer", [None, {}], ids=repr)
async def test_an_answer_that_does_not_have_the_options_is_the_agents_fault(answer: Json | None) -> None:
    """A `ProtocolError`; a mode then counts as not set."""
    mode = FLAT | {"id": "mode", "category": "mode"}
    async with opened(MemoryAgent(config_options=[mode], manual={"session/set_config_option"})) as (peer, _, session):
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(session.set_mode("high"))
            peer.reply(await peer.expect("session/set_config_option"), answer)
        assert not task.result()
        setting = asyncio.create_task(session.set_option("mode", "high"))
        peer.reply(await peer.expect("session/set_config_option"), answer)
        with pytest.raises(ProtocolError, match="session/set_config_option"):
            await setting
        assert session.mode == "low"
