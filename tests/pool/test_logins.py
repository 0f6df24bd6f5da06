"""Agents that are logged out, and the processes in which people log in. In virtual time."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from acp import Agent, LoginState, RemoteError, SpawnFailed, StartProblem
from pool.exchange import Completed
from pool.logins import LOGIN_SECONDS, GivenUp, LoginBusy, LoginGivenUp
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import elapse, quiet

from .pool_harness import MODES, RunningPool, every, prompt_text, running_pool

NONE: Json = {"authStatus": {"kind": "none", "label": "Not logged in"}}
ACCOUNT: Json = {"authStatus": {"kind": "account", "label": "Max"}}
OUT, IN = ("default", LoginState.LOGGED_OUT), ("default", LoginState.LOGGED_IN)
WEB = [{"id": "web", "name": "Web"}]


def say(agent: MemoryAgent, status: Json) -> None:
    """Let an agent push what its login is now."""
    agent.notify("_auth/status_update", status)


def prompts(agent: MemoryAgent) -> list[str]:
    """Return the texts of an agent's prompts."""
    return [prompt_text(each) for each in agent.received if each.get("method") == "session/prompt"]


def log_in(it: RunningPool) -> asyncio.Task[None]:
    """Log in to the agent by its method `web`."""

    async def work(agent: Agent) -> None:
        await agent.authenticate("web")

    return asyncio.create_task(it.pool.logins.log_in(it.settings(1), "here", work))


# ---- what the agents say


async def test_an_agent_that_is_logged_out_is_named_before_the_prompt_fails(tmp_path: Path) -> None:
    """The exchange hears it before its prompt is sent; the agent may work all the same."""
    async with running_pool(tmp_path, every(manual={"session/new"})) as it:
        exchange = it.say(1, 10)
        agent, new = await it.request(1, "session/new")
        say(agent, NONE)
        await quiet()
        assert "LOGGED_OUT" not in exchange.told  # It may log in by itself while it opens the session.
        agent.reply(new, {"sessionId": "one", "modes": MODES})
        await exchange.until("prompted")
        assert exchange.told.index("LOGGED_OUT") < exchange.told.index("prompted")
        assert it.pool.logins.logged_out == ["default"]
        assert it.logins == [OUT]
        agent.end_turn(await agent.expect("session/prompt"))
        await exchange.end()
        assert it.pool.logins.logged_out == []


async def test_an_agent_that_says_so_in_a_turn_is_named_there(tmp_path: Path) -> None:
    """However often it says it, what follows happens once in a round of the loop."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10)
        process = it.conversation(1).lease.agent
        assert process is not None
        for _ in range(50):
            process.note_login(LoginState.LOGGED_IN)
            process.note_login(LoginState.LOGGED_OUT)
        await quiet()
        assert exchange.told.count("LOGGED_OUT") == 1
        say(agent, ACCOUNT)
        say(agent, NONE)
        await quiet()
        assert it.logins == [OUT, IN, OUT]
        agent.fail(prompt, -32000, "Authentication required")
        await exchange.end()
        assert it.pool.logins.state("default") is LoginState.LOGGED_OUT


async def test_what_an_agent_says_in_a_turn_outlives_the_turns_success(tmp_path: Path) -> None:
    """A logout during the turn lets it run to its end; the process that knows of it is stopped then."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10)
        say(agent, NONE)
        agent.end_turn(prompt)
        await exchange.end()
        await quiet()
        assert it.pool.logins.state("default") is LoginState.LOGGED_OUT
        assert agent.stopped


async def test_an_idle_agent_that_is_logged_out_is_stopped(tmp_path: Path) -> None:
    """Only a new process notices a login; the next message starts one, and keeps the session."""
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 10)
        say(it.factory.agents[0], NONE)
        await quiet()
        assert it.factory.alive == 0
        assert it.logins == [IN, OUT]
        assert await (await it.answered(1, 11)).end() == Completed("end_turn")
        await quiet()
        assert "session/load" in it.factory.agents[1].methods()
        assert it.logins[-1] == IN


async def test_an_idle_agent_that_cannot_load_its_session_is_kept(tmp_path: Path) -> None:
    """Its session would be lost; the next exchange is told."""
    async with running_pool(tmp_path, every(capabilities={}), obedient=True) as it:
        await it.answered(1, 10)
        say(it.factory.agents[0], NONE)
        await quiet()
        exchange = await it.answered(1, 11)
        assert len(it.factory.agents) == 1
        assert exchange.told.count("LOGGED_OUT") == 1


async def test_an_agent_that_was_logged_out_in_a_turn_is_stopped_after_it(tmp_path: Path) -> None:
    """Also if a person cancelled the turn."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = await it.hang(1, 10)
        say(it.factory.agents[0], NONE)
        await quiet()
        it.conversation(1).cancel(42)
        await exchange.end()
        await quiet()
        assert it.factory.alive == 0


@pytest.mark.parametrize("method", ["session/new", "session/prompt"])
async def test_a_request_that_needs_a_login_shows_that_the_agent_is_logged_out(tmp_path: Path, method: str) -> None:
    """For agents that say nothing themselves; a turn that succeeds shows that they are logged in again."""
    make = every(manual={method} & {"session/new"})
    async with running_pool(tmp_path, make) as it:
        exchange = it.say(1, 10)
        agent, request = await it.request(1, method)
        agent.fail(request, -32000, "Authentication required")
        await exchange.end()
        await quiet()
        assert it.logins == [OUT]
        second = it.say(1, 11)
        if method == "session/new":
            agent, request = await it.request(2, method)
            agent.reply(request, {"sessionId": "one", "modes": MODES})
        else:
            agent = await it.factory.agent(2)
        await it.finish(agent, second)
        await quiet()
        assert "LOGGED_OUT" not in second.told
        assert it.logins == [OUT, IN]


async def test_a_start_that_needs_a_login_is_an_error_like_any_other(tmp_path: Path) -> None:
    """There is no process that could be asked about its login."""
    async with running_pool(tmp_path, every(manual={"initialize"})) as it:
        exchange = it.say(1, 10)
        agent, request = await it.request(1, "initialize")
        agent.fail(request, -32000, "Authentication required")
        assert isinstance(await exchange.failure(), RemoteError)
        await quiet()
        assert it.logins == []


async def test_a_spare_that_is_logged_out_is_replaced(tmp_path: Path) -> None:
    """A thread gets a new process, which knows of a login since."""
    async with running_pool(tmp_path, slots=2, warm=1, obedient=True) as it:
        await quiet()
        say(it.factory.agents[0], NONE)
        await quiet()
        await it.answered(1, 10)
        assert it.factory.agents[0].methods() == ["initialize"]
        assert "session/prompt" in it.factory.agents[1].methods()
        assert it.factory.agents[0].stopped


async def test_an_agent_of_another_name_is_not_concerned(tmp_path: Path) -> None:
    """A login belongs to one agent of the configuration."""
    async with running_pool(tmp_path) as it:
        exchange, agent, _ = await it.prompted(10)
        it.pool.logins.watch("other", "here", await it.factory.spawn(it.settings(2), "other/1"))
        say(it.factory.agents[1], NONE)
        await quiet()
        assert "LOGGED_OUT" not in exchange.told
        assert it.logins == [("other", LoginState.LOGGED_OUT)]
        it.factory.agents[1].stopped = True
        agent.end_turn(it.factory.agents[0].received[-1])
        await exchange.end()


# ---- people log in


async def test_a_login_runs_in_a_process_of_its_own_and_the_others_are_replaced(tmp_path: Path) -> None:
    """Idle ones stop immediately, working ones after their turn; spares are started again."""
    async with running_pool(
        tmp_path, every(auth_methods=WEB, manual={"authenticate"}), slots=5, warm=1, obedient=True
    ) as it:
        await it.answered(1, 10)
        hanging = await it.hang(2, 20)
        await elapse(2)
        before = list(it.factory.agents)
        (working,) = (agent for agent in before if prompts(agent) == ["hang"])
        login = log_in(it)
        own, request = await it.request(4, "authenticate")
        assert len(it.pool.agents) == 4
        own.reply(request, {})
        await login
        await elapse(2)
        assert own.methods() == ["initialize", "authenticate"]
        assert [each.launch.log_stderr for each in it.factory.settings[:4]] == [True, True, True, False]
        assert own.stopped
        assert [agent for agent in before if not agent.stopped] == [working]
        it.conversation(2).cancel(42)
        await hanging.end()
        await quiet()
        assert working.stopped
        assert it.pool.load.held == 1  # The new spare.
        assert it.logins[-1] == IN


async def test_a_working_agent_whose_session_would_be_lost_stays(tmp_path: Path) -> None:
    """It is logged in; it need not know of the new login."""
    async with running_pool(tmp_path, every(auth_methods=WEB, capabilities={}), obedient=True) as it:
        await it.answered(1, 10)
        await log_in(it)
        await quiet()
        assert not it.factory.agents[0].stopped


async def test_a_login_waits_in_line_for_a_slot(tmp_path: Path) -> None:
    """An idle agent makes room for it; it has no thread that could be told its place."""
    async with running_pool(tmp_path, every(auth_methods=WEB), slots=1, obedient=True) as it:
        await it.answered(1, 10)
        await log_in(it)
        assert it.factory.agents[0].stopped
        assert it.factory.most == 1


async def test_one_person_logs_in_at_a_time(tmp_path: Path) -> None:
    """The second one is refused; after the first login another one may begin."""
    async with running_pool(tmp_path, every(auth_methods=WEB, manual={"authenticate"})) as it:
        first = log_in(it)
        agent, request = await it.request(1, "authenticate")
        with pytest.raises(LoginBusy):
            await log_in(it)
        agent.fail(request, -32000, "Sign-in did not complete")
        with pytest.raises(RemoteError, match="did not complete"):
            await first
        await quiet()
        third = log_in(it)
        agent, request = await it.request(2, "authenticate")
        agent.reply(request, {})
        await third


async def test_a_login_that_nobody_completes_ends_in_time(tmp_path: Path) -> None:
    """The agent is told, and stopped; its slot is free again."""
    async with running_pool(tmp_path, every(auth_methods=WEB, manual={"initialize"})) as it:
        login = log_in(it)
        await elapse(LOGIN_SECONDS / 14)
        with pytest.raises(Exception, match="initialize"):
            await login
        await quiet()
        assert it.pool.load.held == 0
    async with running_pool(tmp_path, every(auth_methods=WEB, manual={"authenticate"})) as it:
        agent_log_in = log_in(it)
        agent, _ = await it.request(1, "authenticate")
        await elapse(LOGIN_SECONDS + 1)
        with pytest.raises(Exception, match=r"authenticate|time"):
            await agent_log_in
        assert agent.methods()[-1] == "$/cancel_request"
        await quiet()
        assert it.pool.load.held == 0


async def test_a_login_can_be_cancelled(tmp_path: Path) -> None:
    """Its process ends; without a login there is nothing to cancel."""
    async with running_pool(tmp_path, every(auth_methods=WEB, manual={"authenticate"})) as it:
        assert not it.pool.logins.cancel("default")
        login = log_in(it)
        agent, _ = await it.request(1, "authenticate")
        assert it.pool.logins.cancel("default")
        assert it.pool.logins.cancel("default")
        with pytest.raises(LoginGivenUp) as ended:
            await login
        assert ended.value.why is GivenUp.PERSON
        assert agent.methods()[-1] == "$/cancel_request"
        await quiet()
        assert agent.stopped


async def test_a_login_that_takes_long_to_end_can_be_cancelled_again_and_does_not_hold_up_the_stop(
    tmp_path: Path,
) -> None:
    """The first reason counts, and the bot stops all else as usual."""
    ending, ended = asyncio.Event(), asyncio.Event()

    async def work(_agent: Agent) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await ended.wait()

    async with running_pool(tmp_path, every(auth_methods=WEB)) as it:
        login = asyncio.create_task(it.pool.logins.log_in(it.settings(1), "here", work))
        await quiet()
        it.pool.logins.cancel("default")
        await ending.wait()
        assert it.pool.logins.cancel("default")
        it.pool.logins.close()
        ended.set()
        with pytest.raises(LoginGivenUp) as given_up:
            await login
    assert given_up.value.why is GivenUp.PERSON


async def test_a_login_can_be_cancelled_before_it_has_begun(tmp_path: Path) -> None:
    """No process is started for it."""
    async with running_pool(tmp_path, every(auth_methods=WEB), slots=1, obedient=True) as it:
        hanging = await it.hang(1, 10)
        login, cancelled = log_in(it), list[bool]()
        # Runs between the request and the first step of the login's own task.
        asyncio.get_running_loop().call_soon(lambda: cancelled.append(it.pool.logins.cancel("default")))
        with pytest.raises(LoginGivenUp):
            await login
        assert cancelled == [True]
        await quiet()
        assert it.pool.load.in_line == 0
        assert len(it.factory.agents) == 1
        it.conversation(1).cancel(42)
        await hanging.end()


async def test_who_waits_for_a_login_may_go(tmp_path: Path) -> None:
    """The login is given up then."""
    async with running_pool(tmp_path, every(auth_methods=WEB, manual={"authenticate"})) as it:
        login = log_in(it)
        agent, _ = await it.request(1, "authenticate")
        login.cancel()
        await quiet()
        assert login.cancelled()
        assert agent.stopped


async def test_the_stop_of_the_bot_ends_a_login(tmp_path: Path) -> None:
    """Whoever waits for it hears why, and no other login begins."""
    async with running_pool(tmp_path, every(auth_methods=WEB, manual={"authenticate"})) as it:
        login = log_in(it)
        await it.request(1, "authenticate")
    with pytest.raises(LoginGivenUp) as ended:
        await login
    assert ended.value.why is GivenUp.SHUTDOWN
    with pytest.raises(LoginGivenUp):
        await log_in(it)


async def test_a_process_that_does_not_start_fails_the_login(tmp_path: Path) -> None:
    """Its slot is returned."""

    def missing(_number: int) -> MemoryAgent:
        raise SpawnFailed(StartProblem.COMMAND_MISSING, "agent", "")

    async with running_pool(tmp_path, missing) as it:
        with pytest.raises(SpawnFailed):
            await log_in(it)
        await quiet()
        assert it.pool.load.held == 0


async def test_a_process_that_cannot_be_stopped_ends_no_other_work(tmp_path: Path) -> None:
    """The login has succeeded all the same; the log has the reason."""
    make = every(auth_methods=WEB, unstoppable=RuntimeError("stuck"))
    async with running_pool(tmp_path, make) as it:
        with capture_logs() as logs:
            await log_in(it)
            await quiet()
        assert [entry["event"] for entry in logs] == ["a process for a login could not be stopped"]
        assert it.pool.load.held == 0
        it.factory.agents[0].stopped = True
