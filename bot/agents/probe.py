"""The doctor: starts an agent as the bot would, exercises it, and reports what it can do.

It asks for a harmless write in an empty directory and refuses it. This shows what no handshake tells: whether the agent
asks before it acts. Then it tries what the agent offers (`tries`).
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from acp import AcpError, Agent, AuthRequired, Event, LoginState, Question, Session, Text, Thought, Turn
from acp.client_side.features import supports
from acp.schema import InitializeResponse, TextBlock, ToolCallUpdate
from bot.config.agents import AgentConfig
from bot.config.presets import PRESETS
from bot.user_messages import agent_checks as texts
from bot.user_messages import agent_errors

from .log_capture import LogRecorder, capture_log
from .login import LoginFailed, preset_login
from .probe_result import ProbeResult, Verdict
from .probe_steps import ANSWER_WIDTH, READY_PROMPT, READY_SECONDS, hold_turn, refuse, start, stop
from .tries import Tries

WRITE_SECONDS = 180.0
"""Bound of the turn that should write a file: several model calls, with their repetitions."""

WRITE_NAME = "threadline-doctor.txt"

# The line in the middle is also a directive for loopback's scripted agent.
WRITE_PROMPT = f"""\
Use your tools to create one file, and do nothing else. Please
write {WRITE_NAME}
in the current directory. The whole text of the file: ok"""

LOGIN_WORD_SECONDS = 8.0
"""How long an agent that pushes whether it is logged in may take for its first word; Claude Code gives up after 5 s."""

UNKNOWN_MODE = "threadline-doctor-no-such-mode"


class Depth(Enum):
    """How far an examination goes."""

    HANDSHAKE = 0
    """To a new session and the asking mode, without a prompt."""
    PROMPTS = 1
    """On to two short prompts, and the tries that need no further one."""
    EVERYTHING = 2
    """On to the tries that need a prompt each."""


async def probe_agent(name: str, agent: AgentConfig, depth: Depth = Depth.PROMPTS) -> ProbeResult:
    """Examine the agent `name` of the configuration. Never raises `AcpError`: a failure is a finding.

    Each step has a bound (`acp.agent`, `probe_steps`, `tries` and the one above). No process is left, even when the
    probe is cancelled.
    """
    found = ProbeResult(
        agent=name,
        preset=agent.preset,
        command=(agent.command, *agent.args),
        cwd=str(agent.cwd),
        missing=list(_missing(agent)),
        quirks=agent.known_preset.quirks if agent.known_preset else (),
    )
    recorder = LogRecorder()
    with (
        capture_log(recorder),
        tempfile.TemporaryDirectory(prefix="threadline-doctor-", ignore_cleanup_errors=True) as temporary,
    ):
        folder = Path(temporary)
        examination = _Examination(agent, found, recorder)
        try:
            await examination.run(None if depth is Depth.HANDSHAKE else folder)
        except AcpError as error:
            found.failure = agent_errors.in_terminal(error)
            if isinstance(error, AuthRequired):
                found.advice += _login_advice(name, agent)
        else:
            if depth is not Depth.HANDSHAKE:
                tries = Tries(agent, found, examination.sessions, folder)
                await tries.run(with_prompts=depth is Depth.EVERYTHING)
        found.faults += recorder.events()
    found.advice += _advice(found)
    return found


@dataclass
class _TurnSummary:
    """What the doctor keeps of one turn."""

    text: str = ""
    first_text: float | None = None
    questions: list[str] = field(default_factory=list)
    stop_reason: str | None = None


class _Examination:
    """One examination of one agent; records its findings in `found`."""

    def __init__(self, agent: AgentConfig, found: ProbeResult, recorder: LogRecorder) -> None:
        self._agent = agent
        self._found = found
        self._recorder = recorder
        self._late = 0
        self.sessions: list[str] = []
        """The ids of the sessions that it has opened."""
        self._announced: dict[str, str] = {}
        """The titles of tool calls: a question may name only the id."""

    async def run(self, folder: Path | None) -> None:
        """Start the agent, examine it, stop it; with an empty `folder`, prompt it too. Raises `AcpError`."""
        found, started = self._found, _now()
        running = await start(self._agent, folder)
        try:
            found.seconds["start"] = _since(started)
            self._introduce(running)
            session = await self._open(running, self._agent.cwd)
            if folder is not None:
                await self._greet(session)
                await self._ask_to_write(running, folder)
                await self._try_unknown_mode(session)
            self._describe(session)
            await self._learn_login(running)
        finally:
            if left := await stop(running):
                found.fault(texts.processes_left(left))
            if self._late:
                self._found.fault(texts.late_pieces(self._late))

    async def _learn_login(self, running: Agent) -> None:
        """Say that the agent is logged out, if it says so itself; wait for its first word."""
        if running.tells_login and not running.login_words:
            said = asyncio.Event()
            running.listen_login(said.set)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOGIN_WORD_SECONDS):
                    await said.wait()
        if running.login is LoginState.LOGGED_OUT:
            self._found.logged_out = True
            self._found.missing.append(texts.login_missing(self._found.agent))

    def _introduce(self, running: Agent) -> None:
        found = self._found
        found.name = running.name
        found.protocol_version = running.info.protocol_version
        found.abilities = _abilities(running.info)
        found.auth_methods = tuple(method.id for method in running.auth_methods)
        found.left_out = [*map(agent_errors.left_out, running.left_out)]

    async def _open(self, running: Agent, cwd: Path) -> Session:
        started = _now()
        session = await running.new_session(cwd)
        self.sessions.append(session.session_id)
        self._found.seconds.setdefault("session", _since(started))
        asks = await session.ask_first(self._agent.mode)
        self._found.asking_mode = asks and self._found.asking_mode is not False
        self._describe(session)
        return session

    def _describe(self, session: Session) -> None:
        found = self._found
        found.modes = session.listed_modes
        found.mode = found.mode or session.mode
        found.models = tuple(
            value
            for option in session.config_options
            if "model" in (option.category, option.id)
            for value in option.values()
        )
        found.commands = tuple(command.name for command in session.commands)

    # ---- the prompts

    async def _greet(self, session: Session) -> None:
        heard = await self._converse(session, READY_PROMPT, READY_SECONDS)
        self._found.answer = heard.text.strip()
        if heard.first_text is not None:
            self._found.seconds["first text"] = heard.first_text
        if heard.stop_reason != "end_turn" or not heard.text:
            self._found.fault(texts.ended_turn(heard.stop_reason, answered=bool(heard.text)))

    async def _try_unknown_mode(self, session: Session) -> None:
        """Check whether the agent's report of its mode can be trusted. This is the last request to it."""
        if not session.listed_modes:
            return
        self._recorder.muted = True  # A refusal is correct here, and no fault.
        try:
            if await session.set_mode(UNKNOWN_MODE):
                self._found.fault(texts.UNKNOWN_MODE_ACCEPTED)
        except AcpError as error:
            self._found.fault(texts.unknown_mode_failed(agent_errors.headline(error)))

    async def _ask_to_write(self, running: Agent, folder: Path) -> None:
        found = self._found
        astray = self._agent.cwd / WRITE_NAME
        was_there = astray.exists()
        session = await self._open(running, folder)
        heard = await self._converse(session, WRITE_PROMPT, WRITE_SECONDS)
        written = (folder / WRITE_NAME).exists()
        if not was_there and astray.exists():
            astray.unlink()
            written = True
            self._found.fault(texts.WROTE_ELSEWHERE)
        found.question = "; ".join(heard.questions)
        match written, bool(heard.questions):
            case True, True:
                found.write = Verdict.DEFIED
            case True, False:
                found.write = Verdict.ACTED
            case False, True:
                found.write = Verdict.ASKED
            case _:
                found.write = Verdict.IDLE

    async def _converse(self, session: Session, prompt: str, seconds: float) -> _TurnSummary:
        heard, started = _TurnSummary(), _now()
        session.on_late = self._count_late

        async def record(turn: Turn, event: Event) -> None:
            match event:
                case Text(text):
                    if heard.first_text is None:
                        heard.first_text = _since(started)
                    heard.text = (heard.text + text)[:ANSWER_WIDTH]
                case ToolCallUpdate(tool_call_id=tool_call_id, title=title):
                    self._announced[tool_call_id] = title or self._announced.get(tool_call_id, "")
                case Question():
                    heard.questions.append(self._describe_question(event))
                    self._check_question(event)
                    refuse(turn, event)

        turn = await hold_turn(session, [TextBlock(text=prompt)], seconds, record)
        heard.stop_reason = turn.stop_reason
        return heard

    def _describe_question(self, question: Question) -> str:
        call = question.tool_call
        title = call.title or self._announced.get(call.tool_call_id) or call.kind or call.tool_call_id
        return f"{title} [{' | '.join(option.name for option in question.options)}]"

    def _check_question(self, question: Question) -> None:
        if not isinstance(question.request_id, int):
            self._found.fault(texts.request_id_kind(is_null=question.request_id is None))
        if not question.of_client and question.tool_call.tool_call_id not in self._announced:
            self._found.fault(texts.UNANNOUNCED_CALL)

    def _count_late(self, event: Event) -> None:
        if isinstance(event, Text | Thought | ToolCallUpdate):
            self._late += 1


def _abilities(info: InitializeResponse) -> dict[str, bool]:
    """Return the capabilities that the agent declares (ACP, Initialization)."""
    agent = info.agent_capabilities
    prompt, sessions, mcp = agent.prompt_capabilities, agent.session_capabilities, agent.mcp_capabilities
    return {
        "load": agent.load_session,
        **{name: supports(getattr(sessions, name)) for name in ("resume", "list", "close", "delete", "fork")},
        "steering": info.extensions.steering.supported,
        "images": prompt.image,
        "audio": prompt.audio,
        "embedded context": prompt.embedded_context,
        "MCP over HTTP": mcp.http,
        "MCP over SSE": mcp.sse,
        "further directories": supports(sessions.additional_directories),
    }


def _missing(agent: AgentConfig) -> Iterator[str]:
    """Return the variables that are wanted and not set, in words."""
    has = agent.environment()
    preset = agent.known_preset
    for name in agent.inherit_env:
        if name not in has and (preset is None or name not in preset.inherit_env):
            yield texts.variable_not_set(name)
    if preset is not None and preset.any_of and not any(name in has for name in preset.any_of):
        yield texts.key_not_set(preset.any_of)


def _login_advice(name: str, agent: AgentConfig) -> Iterator[str]:
    yield agent_errors.needs_login(agent.title, name)
    try:
        own = preset_login(agent)
    except LoginFailed as error:
        yield str(error)
        return
    if own is not None:
        yield texts.login_runs(str(own))


def _advice(found: ProbeResult) -> Iterator[str]:
    if found.write in (Verdict.ACTED, Verdict.DEFIED):
        yield texts.SET_ASKING_MODE
    command = Path(found.command[0]).name
    for name, preset in PRESETS.items():
        if not found.preset and command == preset.command:
            yield texts.use_preset(name)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _since(started: float) -> float:
    return round(_now() - started, 3)
