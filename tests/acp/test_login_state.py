"""What an agent says about its login: in its own time, and when it is asked."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from acp import Agent, LoginState
from acp.protocol_violations import LOGGED
from tests.acp.official import by_the_schema
from tests.support.memory_agent import MemoryAgent
from tests.support.virtual_time import quiet

pytestmark = by_the_schema

ASKED = {"loadSession": True, "auth": {"status": {}}}

SAID = [
    ("auth/status_update", {"state": "unauthenticated"}, LoginState.LOGGED_OUT),
    ("auth/status_update", {"state": "authenticated", "accounts": [{"label": "Max"}]}, LoginState.LOGGED_IN),
    ("auth/status_update", {"state": "not_required"}, LoginState.LOGGED_IN),
    ("auth/status_update", {"state": "unknown"}, LoginState.UNKNOWN),
    ("auth/status_update", {"state": "_expiring"}, LoginState.UNKNOWN),
    ("_auth/status_update", {"authStatus": {"kind": "none", "label": "Not logged in"}}, LoginState.LOGGED_OUT),
    ("_auth/status_update", {"authStatus": {"kind": "api_key", "label": "A key"}}, LoginState.LOGGED_IN),
    ("_auth/status_update", {"authStatus": {"kind": "account", "label": "ChatGPT"}}, LoginState.LOGGED_IN),
    ("_auth/status_update", {"authStatus": {"kind": "gateway", "label": "Gateway"}}, LoginState.LOGGED_IN),
    ("_auth/status_update", {"authStatus": {"kind": "external", "label": "Bedrock"}}, LoginState.LOGGED_IN),
    ("_auth/status_update", {"authStatus": {"kind": "new kind"}}, LoginState.UNKNOWN),
    ("_auth/status_update", {"authStatus": ["none"]}, LoginState.UNKNOWN),
    ("_auth/status_update", None, LoginState.UNKNOWN),
]


@pytest.mark.parametrize(("method", "params", "login"), SAID, ids=repr)
async def test_an_agents_word_about_its_login_is_kept(method: str, params: Any, login: LoginState) -> None:
    """The draft's notification and the one that agents push today; words that are not known mean unknown."""
    peer = MemoryAgent()
    agent = await Agent.start(peer)
    for each in ({"state": "authenticated"}, {"state": "unauthenticated"}):
        peer.notify("auth/status_update", each)
        peer.notify(method, params)
        await quiet()
        assert agent.login is login
    await agent.stop()


async def test_each_change_of_a_login_is_told_once() -> None:
    """An update that repeats what is known tells nothing."""
    peer, told = MemoryAgent(), list[LoginState]()
    agent = await Agent.start(peer)
    assert agent.login is LoginState.UNKNOWN
    agent.listen_login(lambda: told.append(agent.login))
    for kind in ("none", "none", "account", "api_key"):
        peer.notify("_auth/status_update", {"authStatus": {"kind": kind, "label": "x"}})
    await quiet()
    agent.note_login(LoginState.LOGGED_OUT)
    assert told == [LoginState.LOGGED_OUT, LoginState.LOGGED_IN, LoginState.LOGGED_OUT]
    await agent.stop()


async def test_the_log_says_that_an_agent_is_logged_out_a_bounded_number_of_times() -> None:
    """Without the account that the agent names."""
    peer = MemoryAgent()
    agent = await Agent.start(peer)
    with capture_logs() as logs:
        for _ in range(100):
            peer.notify("auth/status_update", {"state": "unauthenticated", "accounts": [{"label": "ann@example"}]})
        await quiet()
    assert {entry["event"] for entry in logs} == {"agent is logged out"}
    assert len(logs) == LOGGED
    assert "ann" not in str(logs)
    assert agent.login_words == 100
    await agent.stop()


async def test_an_agent_that_can_tell_is_asked_and_the_start_does_not_wait() -> None:
    """The start is over before the answer; the answer counts when it comes."""
    peer, told = MemoryAgent(capabilities=ASKED, manual={"auth/status"}), list[LoginState]()
    agent = await Agent.start(peer)
    agent.listen_login(lambda: told.append(agent.login))
    peer.reply(await peer.expect("auth/status"), {"state": "unauthenticated"})
    await quiet()
    assert told == [LoginState.LOGGED_OUT]
    await agent.stop()


async def test_an_agent_that_answers_the_question_with_an_error_is_not_judged() -> None:
    """It may have announced what it cannot do."""
    peer = MemoryAgent(capabilities=ASKED, manual={"auth/status"})
    agent = await Agent.start(peer)
    peer.fail(await peer.expect("auth/status"), -32601, "Method not found")
    await quiet()
    assert agent.login is LoginState.UNKNOWN
    await agent.stop()


async def test_an_agent_that_does_not_say_that_it_can_tell_is_not_asked() -> None:
    """The method is a draft."""
    peer = MemoryAgent()
    agent = await Agent.start(peer)
    assert "auth/status" not in peer.methods()
    await agent.stop()


@pytest.mark.parametrize(
    ("capabilities", "tells"),
    [
        (ASKED, True),
        ({"_meta": {"authStatus": {}}}, True),
        ({"_meta": {"authStatus": None}}, False),
        ({"_meta": "x"}, False),
        ({}, False),
    ],
)
async def test_an_agent_announces_that_it_tells_of_its_login(capabilities: Any, tells: bool) -> None:  # noqa: FBT001 - a case
    """By the draft's capability, or by the marker that agents have today."""
    agent = await Agent.start(MemoryAgent(capabilities=capabilities))
    assert agent.tells_login is tells
    await agent.stop()
