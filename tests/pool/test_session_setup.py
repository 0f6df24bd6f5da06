"""The setup of a session: choices are set again, the mode last, and failures are shown. In virtual time."""

import asyncio
from pathlib import Path

import pytest

from acp import Launch, SpawnFailed, StartProblem
from pool.exchange import Notice
from pool.journal.journal import Journal
from pool.session_setup import MODE, TITLE, AgentSettings, apply_settings, choice_value, open_session, send_title
from tests.acp.opened import CWD, opened
from tests.support.memory_agent import Json, MemoryAgent

from .pool_harness import MODES

SIZE: Json = {
    "id": "size",
    "name": "Size",
    "type": "select",
    "currentValue": "small",
    "options": [{"value": "small", "name": "Small"}, {"value": "large", "name": "Large"}],
}
LOUD: Json = {"id": "loud", "name": "Loud", "type": "boolean", "currentValue": False}
SETTINGS = AgentSettings(Launch("agent", (), CWD, {}))


def sizable() -> MemoryAgent:
    """An agent with a mode, a select and a switch."""
    return MemoryAgent(modes=MODES, config_options=[SIZE, LOUD])


async def test_choices_are_set_again_and_the_mode_last() -> None:
    """Only those that differ: a select by its value, a switch by on or off."""
    async with opened(sizable()) as it:
        assert await apply_settings(it.session, SETTINGS, {"loud": "true", "size": "large", MODE: "default"}) == []
        assert {each.option_id: choice_value(each.current) for each in it.session.options} == {
            "size": "large",
            "loud": "true",
            "mode": "default",
        }
        settings = [method for method in it.peer.methods() if method.startswith("session/set")]
        assert settings[:2] == ["session/set_config_option"] * 2
        sent = len(it.peer.methods())
        assert await apply_settings(it.session, SETTINGS, {"loud": "true", "size": "large"}) == []
        assert "session/set_config_option" not in it.peer.methods()[sent:]


async def test_an_option_named_mode_is_not_the_mode() -> None:
    """A choice for that option never keeps the agent from its asking mode."""
    depth: Json = {**SIZE, "id": "mode", "category": "thought_level"}
    modes = {"currentModeId": "auto", "availableModes": [{"id": "auto", "name": "Auto"}, *MODES["availableModes"]]}
    async with opened(MemoryAgent(modes=modes, config_options=[depth])) as it:
        assert await apply_settings(it.session, SETTINGS, {"mode": "large"}) == []
        assert it.session.mode == "default"
        assert [(each.category, each.current) for each in it.session.options] == [
            ("thought_level", "large"),
            ("mode", "default"),
        ]
        assert await it.session.set_mode("auto")
        assert it.session.mode == "auto"


async def test_a_choice_that_cannot_be_set_again_is_told() -> None:
    """An option that the agent no longer has, and one that it refuses; the rest is set."""
    async with opened(sizable()) as it:
        assert await apply_settings(it.session, SETTINGS, {"gone": "x", "loud": "true"}) == [Notice.UNSET]
        assert choice_value(next(each for each in it.session.options if each.option_id == "loud").current) == "true"
    async with opened(MemoryAgent(config_options=[SIZE], manual={"session/set_config_option"})) as it:

        async def refuse() -> None:
            it.peer.fail(await it.peer.expect("session/set_config_option"), -32602, "not now")

        refusing = asyncio.create_task(refuse())
        assert await apply_settings(it.session, SETTINGS, {"size": "large"}) == [Notice.UNSET, Notice.UNASKED]
        await refusing


async def test_a_directory_that_cannot_be_made_is_a_failed_start(tmp_path: Path) -> None:
    """Three of them hold the inbox, and the reason is shown."""
    (tmp_path / "file").touch()
    settings = AgentSettings(Launch("agent", (), CWD, {}), additional_directories=(tmp_path / "file" / "1",))
    async with opened(MemoryAgent()) as it:
        with Journal.open(tmp_path / "journal.db") as journal, pytest.raises(SpawnFailed) as failed:
            await open_session(it.agent, 1, settings, journal)
    error = failed.value
    assert (error.problem, error.detail) == (StartProblem.DIRECTORY_NOT_MADE, "Not a directory")
    assert error.path == f"{tmp_path}/file/1"


async def test_the_additional_directories_of_a_session_are_created(tmp_path: Path) -> None:
    """For the bot's user only, before the agent gets them."""
    also = tmp_path / "attachments" / "1"
    settings = AgentSettings(Launch("agent", (), CWD, {}), additional_directories=(also,))
    capabilities = {"loadSession": True, "sessionCapabilities": {"additionalDirectories": {}}}
    async with opened(MemoryAgent(capabilities=capabilities)) as it:
        with Journal.open(tmp_path / "journal.db") as journal:
            _, notices = await open_session(it.agent, 1, settings, journal)
        assert notices == (Notice.NEW,)
        assert also.stat().st_mode & 0o777 == 0o700


async def test_a_session_at_another_place_gets_the_directories_of_that_place(tmp_path: Path) -> None:
    """They are made there, with its agent; nothing is made here."""
    here, there = tmp_path / "here", tmp_path / "there"
    settings = AgentSettings(
        Launch("agent", (), CWD, {}), additional_directories=(here,), far_directories={"worker1": (there,)}
    )
    assert (settings.launch_at("here").made, settings.launch_at("worker1").made) == ((), (there,))
    assert settings.directories_at("worker2") == ()
    capabilities = {"loadSession": True, "sessionCapabilities": {"additionalDirectories": {}}}
    async with opened(MemoryAgent(capabilities=capabilities)) as it:
        with Journal.open(tmp_path / "journal.db") as journal:
            await open_session(it.agent, 1, settings, journal, "worker1")
        (opening,) = [each for each in it.peer.received if each.get("method") == "session/new"][1:]
        assert opening["params"]["additionalDirectories"] == [str(there)]
    assert not here.exists()
    assert not there.exists()


async def test_a_session_gets_the_name_of_its_thread_where_the_agent_takes_one() -> None:
    """Once; a refusal is no failure of the start. The name is no option of the agent's."""
    offer: Json = {"sessionCapabilities": {"title": {}}}
    async with opened(MemoryAgent(capabilities=offer)) as it:
        for title in ("", "Dates", "Dates"):
            await send_title(it.agent, it.session, title)
        assert it.peer.methods().count("session/set_title") == 1
        assert it.session.title == "Dates"
        assert await apply_settings(it.session, SETTINGS, {TITLE: "Dates"}) == [Notice.UNASKED]
    async with opened(MemoryAgent(capabilities=offer, manual={"session/set_title"})) as it:
        naming = asyncio.create_task(send_title(it.agent, it.session, "Dates"))
        it.peer.fail(await it.peer.expect("session/set_title"), -32602, "not that name")
        await naming
        assert it.session.title is None
    async with opened(MemoryAgent()) as it:
        await send_title(it.agent, it.session, "Dates")
        assert "session/set_title" not in it.peer.methods()
