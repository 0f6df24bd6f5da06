"""The scripted agent's login, as a client sees it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from acp import Accept, Agent, AuthRequired, Client, Decline, Elicitation, Launch, LoginState, RemoteError, environment

CODE = "Sign in and enter this code: ABCD-1234"


def launch(folder: Path, *flags: str) -> Launch:
    """Return how to start the agent with a login in `folder`."""
    args = ("-m", "loopback.agent", "--login", str(folder / "login"), *flags)
    return Launch(sys.executable, args, folder, environment(os.environ, inherit=(), env={}))


async def test_a_login_by_a_page_is_shared_by_all_processes(tmp_path: Path) -> None:
    """It says that it is logged out, refuses prompts, and says so when it is logged in."""
    agent = await Agent.spawn(launch(tmp_path), marker="login/1", client=Client(elicitation=frozenset({"url"})))
    other = await Agent.spawn(launch(tmp_path, "--login-status", "draft"), marker="login/2")
    try:
        session = await agent.new_session(tmp_path)
        with pytest.raises(AuthRequired):
            await agent.connection.request(
                "session/prompt",
                {"sessionId": session.session_id, "prompt": [{"type": "text", "text": "x"}]},
                seconds=30,
            )
        await other.new_session(tmp_path)  # It answers in order, so it has answered about its login too.
        assert [agent.login, other.login] == [LoginState.LOGGED_OUT] * 2
        asked = asyncio.Queue[object]()
        agent.listen_out_of_turn(asked.put_nowait)
        (method,) = agent.auth_methods
        login = asyncio.create_task(agent.authenticate(method.id))
        page = await asked.get()
        assert isinstance(page, Elicitation)
        assert (page.url, page.message) == ("https://login.example/device", CODE)
        assert agent.out_of_turn.answer(page.request_id, Accept())
        await login
        assert await agent.new_session(tmp_path)
        assert _state(agent) is LoginState.LOGGED_IN
    finally:
        await agent.stop()
        await other.stop()


def _state(agent: Agent) -> LoginState:
    return agent.login


@pytest.mark.parametrize("answer", [Accept(), Decline()])
async def test_a_login_may_fail(tmp_path: Path, answer: Accept | Decline) -> None:
    """The page says no, or the person does not want to go there."""
    os.mkfifo(tmp_path / "gate")
    flags = ("--login-gate", str(tmp_path / "gate"), "--login-at", "new", "--login-status", "silent")
    agent = await Agent.spawn(launch(tmp_path, *flags), marker="login/3", client=Client(elicitation=frozenset({"url"})))
    try:
        with pytest.raises(AuthRequired):
            await agent.new_session(tmp_path)
        asked = asyncio.Queue[object]()
        agent.listen_out_of_turn(asked.put_nowait)
        login = asyncio.create_task(agent.authenticate("device-code"))
        page = await asked.get()
        assert isinstance(page, Elicitation)
        assert agent.out_of_turn.answer(page.request_id, answer)
        if answer == Accept():
            await asyncio.to_thread((tmp_path / "gate").write_text, "no")
        with pytest.raises(RemoteError, match="did not complete"):
            await login
        assert agent.login is LoginState.UNKNOWN
    finally:
        await agent.stop()


async def test_its_ways_to_log_in_suit_the_client(tmp_path: Path) -> None:
    """A page needs a client that opens one, a terminal a client that has one."""
    cases = [
        ("device", Client(), []),
        ("terminal", Client(), []),
        ("terminal", Client(terminal_login=True), ["terminal"]),
        ("form", Client(), ["device-key"]),
        ("none", Client(elicitation=frozenset({"url"})), []),
    ]
    for way, client, methods in cases:
        agent = await Agent.spawn(launch(tmp_path, "--login-way", way), marker="login/4", client=client)
        assert [method.id for method in agent.auth_methods] == methods
        await agent.stop()
