import json
from typing import Any

import pytest

from acp import Agent, Client, RequestTimeout
from tests.acp.official import by_the_schema, check
from tests.acp.opened import CWD, HELLO
from tests.acp.protocol_page import ASKED, PAGE, SENT, TOLD, write
from tests.acp.recorded import SCHEMA, needs_recordings
from tests.support.memory_agent import Json, MemoryAgent

pytestmark = by_the_schema

OFFERS: dict[str, Json] = {
    name: {} for name in ("list", "resume", "close", "delete", "fork", "title", "additionalDirectories")
}

NOT_STABLE = {"session/set_model", "session/fork", "session/set_title", "_session/steering", "auth/status"}
"""Methods outside the stable schema: of older agents, of agents ahead of it, and an extension."""

UNSTABLE_WORDS = {"auth/status_update", "_auth/status_update"}
"""Notifications of a login: the draft's, and the one that agents send ahead of it."""

UNSTABLE_UPDATES = {"subagent_update"}
"""Updates that agents send before they are stable, if the client offers to show them."""


def test_the_page_is_the_one_that_is_written() -> None:
    """Run `python -m tests.acp.protocol_page` after a change."""
    assert PAGE.read_text() == write()


@needs_recordings
def test_the_page_has_every_method_and_kind_of_the_schema() -> None:
    """All stable ones, and few others."""
    schema = json.loads(SCHEMA.read_text())["$defs"]
    by_side: dict[str, set[str]] = {"agent": set(), "client": set(), "protocol": set()}
    for definition in schema.values():
        if "x-method" in definition:
            by_side[definition["x-side"]].add(definition["x-method"])
    assert {row.name for row in SENT} == by_side["agent"] | by_side["protocol"] | NOT_STABLE
    assert {row.name for row in ASKED} == by_side["client"] | by_side["protocol"] | UNSTABLE_WORDS
    kinds = {each["properties"]["sessionUpdate"]["const"] for each in schema["SessionUpdate"]["oneOf"]}
    assert {row.name for row in TOLD} == kinds | UNSTABLE_UPDATES


@needs_recordings
async def test_all_that_the_page_says_we_send_is_sent_and_valid() -> None:
    """Every method once, each message against the official schema."""
    sent: list[Json] = []
    for capabilities in ({"loadSession": True}, {"sessionCapabilities": OFFERS, "auth": {"logout": {}, "status": {}}}):
        sent += await _everything(capabilities)
    for message in sent:
        if message.get("method") not in NOT_STABLE:
            check(message)
    assert {message["method"] for message in sent if "method" in message} == {row.name for row in SENT}


async def _everything(capabilities: Json) -> list[Json]:
    """Use every method that such an agent allows; return all messages."""
    option = {"id": "effort", "name": "E", "type": "boolean", "currentValue": False}
    peer = MemoryAgent(
        capabilities=capabilities,
        auth_methods=[{"id": "web", "name": "Web"}],
        modes={"currentModeId": "a", "availableModes": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]},
        models={"currentModelId": "a", "availableModels": [{"modelId": "a", "name": "A"}]},
        config_options=[option],
        steerable=True,
    )
    agent = await Agent.start(peer, Client(additional_directories=(CWD / "more",), elicitation=frozenset({"form"})))
    await agent.authenticate("web")
    session = await agent.new_session(CWD)
    session = await agent.load_session(session.session_id, CWD)
    choices: tuple[tuple[str, Any], ...] = (("effort", True), ("mode", "b"), ("model", "a"))
    for option_id, value in choices:
        assert await session.set_option(option_id, value)
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        await session.steer(HELLO)
        turn.cancel()
        peer.end_turn(prompt, "cancelled")
    if "sessionCapabilities" in capabilities:
        await agent.list_sessions(CWD)
        await agent.fork_session(session.session_id, CWD)
        await agent.set_title(session, "A name")
        await agent.close_session(session)
        await agent.delete_session(session.session_id)
        await agent.logout()
    else:
        with pytest.raises(RequestTimeout):
            await agent.connection.request("session/list", {}, seconds=1)
    await agent.stop()
    return peer.received
