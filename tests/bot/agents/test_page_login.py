"""A login by a page: which method it is, what the agent may ask, and what comes of it. With an agent in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from acp import Agent, AuthRequired, Client
from acp.schema import AuthMethod
from bot.agents.login import MOST_PAGES, LoginFailed, LoginPage, NoPageLogin, log_in_by_page, page_method
from bot.config.agents import AgentConfig
from tests.support.memory_agent import Json, MemoryAgent

URL = "https://login.example/device"
METHODS = [
    AuthMethod(id="api-key"),
    AuthMethod(id="device-terminal", type="terminal"),
    AuthMethod(id="chat-gpt"),
    AuthMethod(id="chat-gpt-device-code"),
    AuthMethod(id="other-device"),
]


@pytest.mark.parametrize(
    ("preset", "methods", "chosen"),
    [
        ("codex", METHODS, "chat-gpt-device-code"),
        ("codex", METHODS[:3], None),
        ("claude", METHODS, None),
        ("", METHODS, "chat-gpt-device-code"),
        ("", METHODS[:3], None),
        ("", [AuthMethod(id="Device")], "Device"),
    ],
)
def test_the_method_that_needs_only_a_page_is_the_presets_or_calls_itself_so(
    preset: str, methods: list[AuthMethod], chosen: str | None
) -> None:
    """Others would open a browser on the machine, or do nothing; one in a terminal is never used."""
    agent = AgentConfig(preset=preset, command="agent", cwd=Path("/"))
    if chosen is None:
        with pytest.raises(NoPageLogin):
            page_method(agent, methods)
    else:
        assert page_method(agent, methods).id == chosen


async def begun(show: Callable[[LoginPage], Awaitable[bool]]) -> tuple[MemoryAgent, asyncio.Task[None], Json]:
    """Begin a login; return the agent, the login and the request that the agent has got."""
    peer = MemoryAgent(auth_methods=[{"id": "web", "name": "Web"}], manual={"authenticate"})
    agent = await Agent.start(peer, Client(elicitation=frozenset({"form", "url"})))
    login = asyncio.create_task(log_in_by_page(agent, "web", show))
    return peer, login, await peer.expect("authenticate")


def ask(peer: MemoryAgent, request: Json, number: int = 1, **more: object) -> None:
    """Let the agent name a page, in the elicitation of that number."""
    asked = {"mode": "url", "requestId": request["id"], "message": "Code 1", "url": URL, "elicitationId": f"e{number}"}
    peer.say({"jsonrpc": "2.0", "id": number, "method": "elicitation/create", "params": asked | more})


async def action(peer: MemoryAgent, number: int = 1) -> str:
    """Return our answer to an elicitation."""
    answer = await peer.answer_to(number)
    return str(answer["result"]["action"])


async def test_a_page_is_accepted_when_it_is_shown() -> None:
    """Not before: the agent's time begins then."""
    gate, seen, pages = asyncio.Event(), asyncio.Event(), list[LoginPage]()

    async def show(page: LoginPage) -> bool:
        pages.append(page)
        seen.set()
        await gate.wait()
        return True

    peer, login, request = await begun(show)
    ask(peer, request)
    answered = asyncio.create_task(action(peer))
    await seen.wait()
    assert not answered.done()
    gate.set()
    assert await answered == "accept"
    assert pages == [LoginPage("login.example", URL, "Code 1")]
    peer.reply(request, {})
    await login


@pytest.mark.parametrize("raises", [False, True])
async def test_a_page_that_cannot_be_shown_is_declined(raises: bool) -> None:  # noqa: FBT001 - a case
    """The login fails for that reason; the log does not have the page."""

    async def show(page: LoginPage) -> bool:
        if raises:
            raise RuntimeError(page.url)
        return False

    peer, login, request = await begun(show)
    with capture_logs() as logs:
        ask(peer, request)
        assert await action(peer) == "decline"
    peer.fail(request, -32000, "Sign-in did not complete")
    with pytest.raises(LoginFailed, match="could not be shown"):
        await login
    assert URL not in str(logs)
    assert [entry["event"] for entry in logs] == ["a login page could not be shown"] * raises


async def test_an_agent_names_a_bounded_number_of_pages() -> None:
    """Each of them is shown to a person; the others are declined."""
    shown = 0

    async def show(_page: LoginPage) -> bool:
        nonlocal shown
        shown += 1
        return True

    peer, login, request = await begun(show)
    for number in range(1, 2 * MOST_PAGES + 1):
        ask(peer, request, number)
    said = [await action(peer, number) for number in range(1, 2 * MOST_PAGES + 1)]
    assert said == ["accept"] * MOST_PAGES + ["decline"] * MOST_PAGES
    assert shown == MOST_PAGES
    peer.fail(request, -32000, "no")
    with pytest.raises(AuthRequired):
        await login
