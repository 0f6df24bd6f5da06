"""The agent's side of the protocol, which answers the client's requests."""

import json
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopback.agent.login import Login, LoginScript
from loopback.agent.script import COMMANDS, Directive, read_script
from loopback.agent.sessions import MODELS, MODES, MOST_TITLE, Session, Sessions
from loopback.agent.turn import Turn, TurnEnded, text_update
from loopback.agent.wire import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    JsonRpcLink,
    Message,
    RpcError,
)

from .canned_replies import find_reply
from .directives import perform

REFUSABLE = ("initialize", "new", "load", "mode", "fork")
"""What an agent can refuse; load includes resume."""


@dataclass(frozen=True, slots=True)
class AgentFlags:
    """The agent's flags. Delays are in seconds, `refuse` is a subset of `REFUSABLE`."""

    name: str = "scripted-agent"
    protocol: int = 1
    initialize_delay: float = 0.0
    new_delay: float = 0.0
    load_delay: float = 0.0
    first_delay: float = 0.0
    load: bool = True
    resume: bool = True
    modes: bool = True
    steering: bool = False
    initial_mode: str = "auto"
    fork: str = "none"
    fork_delay: float = 0.0
    fork_replay: str = "none"
    fork_fault: str = "none"
    state: Path | None = None
    refuse: frozenset[str] = field(default_factory=frozenset)
    login: LoginScript | None = None


class ScriptedAgent:
    """Takes one line at a time on one thread. Prompts and slow answers run on threads of their own."""

    def __init__(self, wire: JsonRpcLink, settings: AgentFlags) -> None:
        self._wire = wire
        self._settings = settings
        self._sessions = Sessions(settings.state)
        self._login = Login(wire, settings.login)
        self._turns: dict[str, Turn] = {}
        self._shows_subagents = False
        self._own_turns: dict[str, Turn] = {}
        """Those that no prompt has begun."""
        self.initialized = threading.Event()

    def take(self, line: bytes) -> None:
        """Handle one line from the client, without raising or waiting."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._wire.refuse(None, RpcError(PARSE_ERROR, "Parse error"))
            return
        match message:
            case {"method": str(method), "id": request_id}:
                self._begin(request_id, method, message.get("params"))
            case {"method": "session/cancel", "params": {"sessionId": str(session_id)}}:
                self._cancel(session_id)
            case {"method": str()}:
                pass
            case {"id": _, **rest} if "result" in rest or "error" in rest:
                self._wire.settle(message)
            case _:
                self._wire.refuse(None, RpcError(INVALID_REQUEST, "Invalid request"))

    def _begin(self, request_id: object, method: str, params: object) -> None:
        delays = {
            "initialize": self._settings.initialize_delay,
            "session/new": self._settings.new_delay,
            "session/load": self._settings.load_delay,
            "session/resume": self._settings.load_delay,
            "session/fork": self._settings.fork_delay,
        }
        known = params if isinstance(params, dict) else {}
        answer = threading.Timer(delays.get(method, 0), self._respond, (request_id, method, known))
        if answer.interval:
            answer.daemon = True
            answer.start()
        else:
            self._respond(request_id, method, known)

    def _respond(self, request_id: object, method: str, params: Message) -> None:
        try:
            match method:
                case "initialize":
                    self._shows_subagents = (params.get("clientCapabilities") or {}).get("subagents") is not None
                    self._wire.answer(request_id, self._initialize(params))
                    self._login.announce()
                    self.initialized.set()
                case "authenticate":
                    self._login.begin(request_id, params.get("methodId"))
                case "session/new":
                    session = self._new(params)
                    self._wire.answer(request_id, self._opened(session) | {"sessionId": session.session_id})
                    self._announce(session)
                case "session/load" if self._settings.load:
                    session = self._reopen(params)
                    for update in list(session.history):
                        self._update(session, update)
                    self._wire.answer(request_id, self._opened(session))
                    self._announce(session)
                case "session/resume" if self._settings.resume:
                    session = self._reopen(params)
                    self._wire.answer(request_id, self._opened(session))
                    self._announce(session)
                case "session/fork" if self._settings.fork != "none":
                    self._fork(request_id, params)
                case "session/prompt":
                    self._prompt(request_id, params)
                case "_session/steering" if self._settings.steering:
                    self._steer(request_id, params)
                case _:
                    self._wire.answer(request_id, self._simple(method, params))
        except RpcError as refused:
            self._wire.refuse(request_id, refused)

    def _simple(self, method: str, params: Message) -> Message:
        match method:
            case "auth/status" if "auth" in self._login.capabilities():
                return self._login.status()
            case "session/list":
                return {"sessions": [_listed(session) for session in self._sessions.listed(params.get("cwd"))]}
            case "session/close":
                self._cancel(self._sessions.find(params.get("sessionId")).session_id)
                return {}
            case "session/set_title":
                return {"title": self._set_title(self._sessions.find(params.get("sessionId")), params.get("title"))}
            case "session/set_mode":
                session = self._sessions.find(params.get("sessionId"))
                self._set_mode(session, params.get("modeId"))
                return {}
            case "session/set_config_option":
                return {"configOptions": self._set_option(params)}
            case _:
                raise RpcError(METHOD_NOT_FOUND, "Method not found", {"method": method})

    def _initialize(self, params: Message) -> Message:
        self._refuse_if("initialize")
        settings = self._settings
        sessions: Message = {"list": {}, "close": {}, "title": {}} | ({"fork": {}} if settings.fork != "none" else {})
        return {
            "protocolVersion": settings.protocol,
            "agentCapabilities": {
                "loadSession": settings.load,
                "promptCapabilities": {"image": True, "audio": False, "embeddedContext": True},
                "mcpCapabilities": {"http": False, "sse": False},
                "sessionCapabilities": sessions | ({"resume": {}} if settings.resume else {}),
                **self._login.capabilities(),
            },
            "authMethods": self._login.methods(params.get("clientCapabilities", {})),
            "agentInfo": {"name": settings.name, "title": "Scripted agent", "version": "1.0.0"},
            **({"_meta": {"steering": {"supported": True}}} if settings.steering else {}),
        }

    def _new(self, params: Message) -> Session:
        self._refuse_if("new")
        self._login.require("new")
        if not isinstance(params.get("mcpServers"), list):
            raise RpcError(INVALID_PARAMS, "Invalid params", {"missing": "mcpServers"})
        return self._sessions.create(params.get("cwd"), self._settings.initial_mode)

    def _reopen(self, params: Message) -> Session:
        self._refuse_if("load")
        session = self._sessions.reopen(params.get("sessionId"))
        if not isinstance(params.get("cwd"), str):
            raise RpcError(INVALID_PARAMS, "Invalid params", {"missing": "cwd"})
        session.cwd, session.mode = params["cwd"], self._settings.initial_mode  # as real agents do
        return session

    def _fork(self, request_id: object, params: Message) -> None:
        """Answer session/fork, as the flags say: with a replay, or with an answer that is none."""
        self._refuse_if("fork")
        settings = self._settings
        source = self._sessions.reopen(params.get("sessionId"))
        point = fork_point(params) if settings.fork == "point" else ""
        if settings.fork_fault == "never":
            return
        if settings.fork_fault != "none":
            others = [each.session_id for each in self._sessions.listed() if each is not source]
            faults = {"same": source.session_id, "junk": 5, "another": next(iter(others), "")}
            self._wire.answer(request_id, self._opened(source) | {"sessionId": faults[settings.fork_fault]})
            return
        session = self._sessions.fork(source, params.get("cwd"), point, settings.initial_mode)
        history = list(session.history)
        for update in history if settings.fork_replay == "before" else ():
            self._update(session, update)
        self._wire.answer(request_id, self._opened(session) | {"sessionId": session.session_id})
        for update in history if settings.fork_replay == "after" else ():
            self._update(session, update)
        self._announce(session)

    def _opened(self, session: Session) -> Message:
        return session.settings(with_modes=self._settings.modes)

    def _announce(self, session: Session) -> None:
        commands = [{"name": name, "description": about, "input": {"hint": "what"}} for name, about in COMMANDS.items()]
        self._update(session, {"sessionUpdate": "available_commands_update", "availableCommands": commands})

    def _set_mode(self, session: Session, mode: object) -> None:
        self._refuse_if("mode")
        if not self._settings.modes or mode not in MODES:
            raise RpcError(INVALID_PARAMS, "Invalid params", {"modeId": mode})
        session.mode = str(mode)
        self._sessions.keep(session)
        self._update(session, {"sessionUpdate": "current_mode_update", "currentModeId": session.mode})

    def _set_title(self, session: Session, title: object) -> str:
        session.title = " ".join(str(title).split())[:MOST_TITLE]
        self._sessions.keep(session)
        self._update(session, {"sessionUpdate": "session_info_update", "title": session.title})
        return session.title

    def _set_option(self, params: Message) -> list[Message]:
        session = self._sessions.find(params.get("sessionId"))
        match params.get("configId"), params.get("value"):
            case "mode", value:
                self._set_mode(session, value)
            case "model", str(value) if value in MODELS:
                session.model = value
                self._sessions.keep(session)
            case config_id, value:
                raise RpcError(INVALID_PARAMS, "Invalid params", {"configId": config_id, "value": value})
        return session.options(with_modes=self._settings.modes)

    def _prompt(self, request_id: object, params: Message) -> None:
        session = self._sessions.find(params.get("sessionId"))
        blocks = _blocks(params)
        if session.session_id in self._turns:
            raise RpcError(INTERNAL_ERROR, "A turn is already running", {"sessionId": session.session_id})
        text = _typed(blocks)
        untitled = session.title is None
        session.remember_prompt(text)
        self._sessions.keep(session)
        self._login.require("prompt")
        everything = "\n".join(map(_described, blocks))
        message_id = session.new_message() if self._settings.fork == "point" else None
        turn = Turn(self._wire, session, everything, shows_subagents=self._shows_subagents, message_id=message_id)
        self._turns[session.session_id] = turn
        arguments = (request_id, turn, _script(text))
        naming = {"untitled": untitled}
        threading.Thread(target=self._run, args=arguments, kwargs=naming, name="turn", daemon=True).start()

    def _run(self, request_id: object, turn: Turn, script: Iterable[Directive], *, untitled: bool) -> None:
        session, refused, stop_reason = turn.session, None, "end_turn"
        try:
            turn.wait(self._settings.first_delay)
            for directive in script:
                perform(turn, directive)
                self._perform_injected(turn)
            while self._perform_injected(turn, last=True):
                pass
        except TurnEnded as ended:
            stop_reason = ended.stop_reason
        except RpcError as error:
            refused = error
        except Exception as error:  # noqa: BLE001 - the turn's boundary: the client is told, the process lives
            refused = RpcError(INTERNAL_ERROR, "Internal error", f"{type(error).__name__}: {error}")
        turn.close()
        self._sessions.keep(session)
        del self._turns[session.session_id]
        if refused is None:
            self._wire.answer(request_id, {"stopReason": stop_reason})
        else:
            self._wire.refuse(request_id, refused)
        for answer in turn.after_end:
            answer()
        for text in turn.late:
            self._update(session, text_update("agent_message_chunk", text))
        for kind in turn.late_logins:
            self._login.push(kind)
        if untitled:
            titled = {"title": session.title, "updatedAt": session.updated_at}
            self._update(session, {"sessionUpdate": "session_info_update", **titled})

    def _perform_injected(self, turn: Turn, *, last: bool = False) -> bool:
        text = turn.take_injected(last=last)
        if text is not None:
            turn.session.remember(text_update("user_message_chunk", text))
            for directive in _script(text):
                perform(turn, directive)
        return text is not None

    def _steer(self, request_id: object, params: Message) -> None:
        session, blocks = self._sessions.find(params.get("sessionId")), _blocks(params)
        text, everything = _typed(blocks), "\n".join(map(_described, blocks))
        turn, (how, late) = self._turns.get(session.session_id), session.steering
        if how == "injected" and (turn is None or not turn.inject(text, everything)):
            how = "promptRequired"

        def answer() -> None:
            match how:
                case "none":
                    pass
                case "crash":
                    os._exit(3)
                case "error":
                    self._wire.refuse(request_id, RpcError(INTERNAL_ERROR, "This agent was told to refuse it"))
                case "junk":
                    self._wire.answer(request_id, {"outcome": ["perhaps"]})
                case _:
                    self._wire.answer(request_id, {"outcome": how})
            if how == "startedNewTurn":
                own = Turn(self._wire, session, everything, shows_subagents=self._shows_subagents)
                self._own_turns[session.session_id] = own
                threading.Thread(target=_run_alone, args=(own, _script(text)), name="own turn", daemon=True).start()

        if turn is None or not (late and turn.before_end(answer)):
            answer()

    def _update(self, session: Session, update: Message) -> None:
        self._wire.notify("session/update", {"sessionId": session.session_id, "update": update})

    def _cancel(self, session_id: str) -> None:
        for turn in (self._turns.get(session_id), self._own_turns.get(session_id)):
            if turn is not None:
                turn.cancel()

    def _refuse_if(self, what: str) -> None:
        if what in self._settings.refuse:
            raise RpcError(INTERNAL_ERROR, "RpcError", f"this agent was started with --refuse {what}")


def _run_alone(turn: Turn, script: Iterable[Directive]) -> None:
    """Run a turn that no prompt has begun, and whose end is not reported."""
    with suppress(TurnEnded, RpcError):
        for directive in script:
            perform(turn, directive)


def _blocks(params: Message) -> list[Message]:
    """Return the content of a prompt. Raises `RpcError`."""
    blocks = params.get("prompt")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise RpcError(INVALID_PARAMS, "Invalid params", {"missing": "prompt"})
    return blocks


def _typed(blocks: Iterable[Message]) -> str:
    """Return what a person wrote."""
    return "\n".join(str(each.get("text", "")) for each in blocks if each.get("type") == "text" and _is_typed(each))


def _script(text: str) -> Iterable[Directive]:
    """Return the prompt's directives, or a canned reply, or a friendly answer that quotes it."""
    quoted = f'You said: "{text.strip()}". Say help to see what else I can do.'
    return read_script(text.splitlines()) or find_reply(text) or [Directive("type", {"text": quoted, "rate": "40"})]


def fork_point(params: Message) -> str:
    """Return the id of the message after which a session is forked; empty for its end."""
    match params.get("_meta"):
        case {"jetbrains": {"air": {"fork": {"version": 1, "messageId": str(message_id)}}}}:
            return message_id
    return ""


def _is_typed(block: Message) -> bool:
    """Return whether a person wrote the text. The audience of other texts is the agent (schema: Annotations)."""
    annotations = block.get("annotations") or {}
    return annotations.get("audience") != ["assistant"]


def _listed(session: Session) -> Message:
    known = {"sessionId": session.session_id, "cwd": session.cwd}
    return known | ({"title": session.title, "updatedAt": session.updated_at} if session.title else {})


def _described(block: dict[str, Any]) -> str:
    """Describe a content block, or return its text."""
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "resource_link", "name": name, "uri": uri}:
            return f"[{name}]({uri})"
        case {"type": "resource", "resource": {"uri": uri, **content}}:
            return str(content.get("text", f"[{uri}]"))
        case {"type": str(kind), "mimeType": mime, "data": str(data)}:
            return f"[{kind} {mime}, {len(data)} characters of base64]"
        case _:
            return f"[{block.get('type')}]"
