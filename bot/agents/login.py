"""Logs in to an agent, in the operator's terminal or by a page, with the environment and directory that the bot uses.

Each agent has its own login. Its preset names the command, or else the agent does: its `authMethods` of type `terminal`
name arguments for the same program, and the agent itself carries out those without a type when it gets `authenticate`
(ACP, Authentication). It may then name a page to visit, and a code (schema: CreateElicitationRequest, url).
"""

import asyncio
import os
import shlex
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import structlog

from acp import Accept, Agent, Decline, Elicitation, OutOfTurnEvent, RemoteError, SpawnFailed
from acp.process.keyring import join_new_session_keyring
from acp.process.sandbox import Sandbox, enter, look_now
from acp.schema import AuthMethod
from bot.config.agents import AgentConfig
from bot.text.page_address import UnsafeAddress, host_of
from bot.user_messages import agent_checks as texts
from bot.user_messages import agent_errors

from .log_capture import StderrTap, capture_log

MOST_PAGES = 5
"""Pages that an agent may name in one login. Real ones name one."""


log = structlog.stdlib.get_logger("bot")


class LoginFailed(Exception):
    """There is no way to log in here; the text says why, and what to do instead."""


class UnknownMethod(LoginFailed):
    """A person named a login method that the agent does not offer; `known` are those that it does."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__()
        self.known = known


@dataclass(frozen=True, slots=True)
class TerminalLogin:
    """An interactive command. `env` is its environment, to which the agent has added `named`.

    It runs in the agent's `sandbox`, if there is one.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    sandbox: Sandbox | None = None
    named: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the command as a shell line."""
        return shlex.join(self.argv)

    def become(self) -> NoReturn:
        """Replace this process with the command, which then has the terminal to itself. Raises `LoginFailed`.

        TERM is added: it describes the terminal, which an agent under the bot does not have.
        """
        terminal = {name: os.environ[name] for name in ("TERM",) if name in os.environ}
        env = {**self.env, **self.named, **terminal}
        argv, cwd, program = self.argv, self.cwd, self.argv[0]
        try:
            if self.sandbox is not None:
                join_new_session_keyring()
                facts = look_now(self.sandbox, cwd, self.env, program)  # An agent's PATH could show it other programs.
                # In a session of its own it can type nothing into the terminal for the shell to run.
                entered = enter(self.sandbox, facts, argv, env, also=("--new-session",))
                argv, cwd, env = entered.argv, entered.cwd, entered.env
            os.chdir(cwd)
            os.execvpe(argv[0], argv, env)  # noqa: S606 - there is no shell on purpose
        except OSError as error:
            raise LoginFailed(texts.not_started(program, error.strerror)) from None
        except SpawnFailed as error:
            raise LoginFailed(agent_errors.headline(error)) from None


@dataclass(frozen=True, slots=True)
class LoginPage:
    """A page that a login wants a person to open. All of it is the agent's text; `host` is where the page leads."""

    host: str
    url: str
    message: str


class NoPageLogin(LoginFailed):
    """The agent has no login method that needs only a page."""


def page_method(agent: AgentConfig, methods: Sequence[AuthMethod]) -> AuthMethod:
    """Return the method that needs only a page: the preset's, or one that calls itself so. Raises `NoPageLogin`."""
    preset = agent.known_preset
    for method in methods:
        wanted = method.id == preset.page_login if preset is not None else "device" in method.id.casefold()
        if wanted and method.type == "agent":
            return method
    raise NoPageLogin


async def log_in_by_page(running: Agent, method_id: str, show: Callable[[LoginPage], Awaitable[bool]]) -> None:
    """Have the agent log in by one of its methods; `show` shows a person its pages, and returns whether it could.

    Raises `LoginFailed`, `AcpError`. A form is declined: a key or a password has no place in a chat.
    """
    pages = _LoginPages(running, show)
    answering = asyncio.create_task(pages.answer(), name="pages of a login")
    try:
        await running.authenticate(method_id)
    except RemoteError:
        if pages.refused:
            raise LoginFailed(pages.refused) from None
        raise
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


class _LoginPages:
    """Answers what an agent asks during a login, one question at a time."""

    def __init__(self, running: Agent, show: Callable[[LoginPage], Awaitable[bool]]) -> None:
        self._questions = running.out_of_turn
        self._show = show
        self._asked: asyncio.Queue[Elicitation] = asyncio.Queue()
        self._count = 0
        self.refused = ""
        """Why a question was declined."""
        running.listen_out_of_turn(self._take)

    def _take(self, event: OutOfTurnEvent) -> None:
        if isinstance(event, Elicitation):
            self._count += 1
            if self._count <= MOST_PAGES:
                self._asked.put_nowait(event)
            else:
                self._questions.answer(event.request_id, Decline())

    async def answer(self) -> None:
        """Answer until cancelled."""
        while True:
            asked = await self._asked.get()
            try:
                why = await self._refusal(asked)
            except Exception as error:  # noqa: BLE001 - the login must end; a traceback may hold the page
                log.warning("a login page could not be shown", kind=type(error).__name__)
                why = texts.PAGE_NOT_SHOWN
            self.refused = why or self.refused
            self._questions.answer(asked.request_id, Decline() if why else Accept())

    async def _refusal(self, asked: Elicitation) -> str:
        """Show a page; return why it was refused, empty if it was shown."""
        if asked.mode != "url":
            return texts.ASKS_FOR_VALUES
        try:
            page = LoginPage(host_of(asked.url or "", plain=True), asked.url or "", asked.message)
        except UnsafeAddress as unsafe:
            return texts.page_refused(unsafe.fault)
        return "" if await self._show(page) else texts.PAGE_NOT_SHOWN


def preset_login(agent: AgentConfig) -> TerminalLogin | None:
    """Return the login command of the agent's preset, or None. Raises `LoginFailed` where it is not installed."""
    if agent.known_preset is None or not agent.known_preset.login:
        return None
    program, *args = agent.known_preset.login
    if program == agent.known_preset.command:
        if Path(agent.command).name != program:
            return None  # Through a launcher, say: only the agent knows its login then.
        program = agent.command
    launch = agent.launch()
    where = str(agent.cwd / program) if os.sep in program else program
    if shutil.which(where, path=launch.env.get("PATH", os.defpath)) is None:
        raise LoginFailed(texts.not_installed(program, agent.known_preset.install))
    return TerminalLogin((program, *args), agent.cwd, launch.env, launch.sandbox)


async def agent_login(agent: AgentConfig, method_id: str, tell: Callable[[str], None]) -> TerminalLogin | None:
    """Start the agent and use a way to log in that it names: `method_id`, or the first, terminals before others.

    Returns the command to run, or None where the agent itself has logged in; `tell` then gets what the person must know
    during that, including the agent's stderr. Raises `LoginFailed` (`UnknownMethod` too), `AcpError`.
    """
    marker = f"login-{uuid4().hex}/1"
    offer = replace(agent.client_offer(marker, terminal_login=True), elicitation=frozenset({"form", "url"}))

    async def show(page: LoginPage) -> bool:
        tell(texts.open_page(page.url, page.message))
        return True

    running = await Agent.spawn(agent.launch(), marker=marker, client=offer)
    try:
        method = _chosen(running.auth_methods, method_id)
        if method.type == "terminal":
            return _in_terminal(agent, method)
        tell(texts.logs_in_by_itself(method.name or method.id))
        with capture_log(StderrTap(tell)):
            await log_in_by_page(running, method.id, show)
    except RemoteError as error:
        raise LoginFailed(agent_errors.in_terminal(error)) from None
    finally:
        await running.stop()
    return None


def _chosen(methods: Sequence[AuthMethod], method_id: str) -> AuthMethod:
    usable = [method for method in methods if method.type in {"agent", "terminal"}]
    usable.sort(key=lambda method: method.type != "terminal")
    for method in usable:
        if method_id in ("", method.id):
            return method
    known = [method.id for method in methods]
    if method_id and method_id not in known:
        raise UnknownMethod(known)
    variables = [name for method in methods for name in method.variables]
    raise LoginFailed(texts.no_login_method(method_id, known=known, variables=variables))


def _in_terminal(agent: AgentConfig, method: AuthMethod) -> TerminalLogin:
    """Append the method's arguments and variables to the agent's own (schema: AuthMethodTerminal)."""
    launch = agent.launch()
    line = (agent.command, *agent.args, *method.args)
    return TerminalLogin(line, agent.cwd, launch.env, launch.sandbox, method.env)
