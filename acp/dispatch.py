"""Routes each message of an agent to its session, synchronously and in order."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import ValidationError

from acp.chunk_fast_path import Kind
from acp.client_side.features import Client
from acp.client_side.request_tasks import RequestTasks
from acp.connection import Connection, Transport
from acp.defects import Defect, Invalid
from acp.early_updates import EarlyUpdates
from acp.events import (
    Answer,
    Elicitation,
    ElicitationCompleted,
    OutOfTurnEvent,
    Question,
    Subagent,
    Unreadable,
    Withdrawn,
)
from acp.excerpt import excerpt
from acp.jsonrpc import INVALID_PARAMS, Notification, Request, RequestId
from acp.login_state import STATUS_UPDATES, LoginState, read_login
from acp.open_questions import OpenQuestions
from acp.pending import Pending
from acp.protocol_violations import WIDTH
from acp.questions import Ask, ask, elicit, permit
from acp.schema import CreateElicitation, RequestPermission, ToolCallUpdate
from acp.schema.base import said_shortly
from acp.session import Session
from acp.turn import Turn

QUESTIONS = frozenset({"session/request_permission", "elicitation/create"})
"""What an agent asks of a person."""

LOGGED_OUT = "agent is logged out"
"""The event in the log, some times for each process."""


class Dispatch:
    """One agent's connection and its sessions by id. Messages for unknown sessions are dropped."""

    def __init__(self, transport: Transport, client: Client) -> None:
        """Read what comes through `transport`, and answer what `client` offers."""
        self._client = client
        self.sessions: dict[str, Session] = {}
        self.early = EarlyUpdates()
        self.connection = Connection(
            transport,
            on_request=self._on_request,
            on_notification=self._on_notification,
            on_text=self._on_text,
            on_unread=self._say_unread,
        )
        self.request_tasks = RequestTasks(self.connection)
        self.out_of_turn = OpenQuestions()
        self.on_out_of_turn: Callable[[OutOfTurnEvent], None] | None = None
        """Gets the questions outside turns, and what becomes of them."""
        self.login = LoginState.UNKNOWN
        """Whether the agent is logged in, as far as it is known."""
        self.login_words = 0
        """How often the agent has said so itself."""
        self.on_login: Callable[[], None] = lambda: None
        """Called at each change of `login`."""

    # ---- what the agent says

    def _on_text(self, session_id: str, kind: Kind, text: str) -> None:
        session = self.sessions.get(session_id)
        if session is not None:
            session.text(kind, text)
        elif (found := self._find_subagent(session_id)) is not None:
            session, subagent = found
            session.subagent_works(subagent)
        else:
            update = {"sessionUpdate": kind, "content": {"type": "text", "text": text}}
            self.early.keep(session_id, update, len(text))

    def _on_notification(self, notification: Notification) -> None:
        params = notification.params if isinstance(notification.params, dict) else {}
        match notification.method, params:
            case "session/update", {"sessionId": str(session_id), "update": dict(update)}:
                session = self.sessions.get(session_id)
                if session is not None:
                    session.update(update, notification.size)
                elif (found := self._find_subagent(session_id)) is not None:
                    session, subagent = found
                    session.subagent_update(subagent, update, notification.size)
                else:
                    self.early.keep(session_id, update, notification.size)
            case "$/cancel_request", {"requestId": int() | str() | None as request_id}:
                self._withdraw(request_id)
            case "elicitation/complete", {"elicitationId": str(elicitation_id)}:
                self._completed(ElicitationCompleted(elicitation_id))
            case method, status if method in STATUS_UPDATES:
                self.hear_login(status)
            case method, _:
                self.connection.violations.note("debug", "agent sent a notification that is not for us", method=method)

    def hear_login(self, status: Any) -> None:
        """Take the agent's own word about its login."""
        self.login_words += 1
        login = read_login(status)
        if login is LoginState.LOGGED_OUT:
            self.connection.violations.note("warning", LOGGED_OUT)
        self.note_login(login)

    def note_login(self, login: LoginState) -> None:
        """Note what is known of the agent's login now."""
        if login is not self.login:
            self.login = login
            self.on_login()

    @property
    def _turns(self) -> list[Turn]:
        turns = (session.turn for session in self.sessions.values())
        return [turn for turn in turns if turn is not None and not turn.exhausted]

    def _completed(self, event: ElicitationCompleted) -> None:
        for turn in self._turns:
            turn.put(event)
        if not self._turns:
            self._tell(event)

    def _withdraw(self, request_id: RequestId) -> None:
        if not (any(turn.take_back(request_id) for turn in self._turns) or self._take_back(request_id)):
            self.request_tasks.cancel(request_id)

    def _take_back(self, request_id: RequestId) -> bool:
        """End a question outside a turn that the agent has withdrawn."""
        withdrawn = self.out_of_turn.withdraw(request_id)
        if withdrawn:
            self._tell(Withdrawn(request_id))
        return withdrawn

    def _tell(self, event: OutOfTurnEvent) -> None:
        if self.on_out_of_turn is not None:
            self.on_out_of_turn(event)

    def end_out_of_turn(self) -> None:
        """End all questions outside turns, because the agent ends."""
        asked = self.out_of_turn.unanswered
        self.out_of_turn.close_questions()
        for each in asked:
            self._tell(Withdrawn(each.request_id))

    # ---- what the agent asks

    def _on_request(self, request: Request) -> bool:
        try:
            match request.method:
                case "session/request_permission":
                    self._ask(request, RequestPermission.model_validate(request.params))
                case "elicitation/create" if self._client.elicitation:
                    self._elicit(request, CreateElicitation.model_validate(request.params))
                case method if self._client.serves(method):
                    self._serve(request)
                case _:
                    return False
        except (ValidationError, LookupError) as error:
            defect = Invalid(said_shortly(error) if isinstance(error, ValidationError) else str(error))
            self.connection.refuse(request.request_id, INVALID_PARAMS, f"Invalid params: {defect}")
            self.connection.violations.note(
                "warning", "agent's request cannot be read", method=request.method, reason=str(defect)
            )
            self._say_unread(request.method, defect)
        return True

    def _say_unread(self, method: str, defect: Defect) -> None:
        """Tell people that something is not shown; to the agent, an unread question counts as refused."""
        for turn in self._turns:
            if method in QUESTIONS:
                turn.put(Unreadable(defect), len(str(defect)))
            elif method == "session/update":
                turn.skip(defect)

    def _find_subagent(self, session_id: str) -> tuple[Session, Subagent] | None:
        """Return the subagent with this session id, and the session that it works for."""
        for session in self.sessions.values():
            if (subagent := session.subagents.get(session_id)) is not None:
                return session, subagent
        return None

    def _asking(self, session_id: str) -> tuple[Session, Subagent | None]:
        """Return the session that a request names, or the one whose subagent it names. Raises `LookupError`."""
        session = self.sessions.get(session_id)
        found = self._find_subagent(session_id) if session is None else (session, None)
        if found is None:
            raise LookupError(f"unknown session {excerpt(session_id, WIDTH)!r}")
        return found

    def _ask(self, request: Request, params: RequestPermission) -> None:
        session, subagent = self._asking(params.session_id)
        turn = session.turn
        asks: Ask | None = None if turn is None else partial(turn.ask, size=request.size)
        if subagent is not None:
            asks = partial(self._ask_for_subagent, turn, request.size)
        ask(self.connection, asks, request.request_id, params, subagent)

    def _elicit(self, request: Request, params: CreateElicitation) -> None:
        if params.mode not in self._client.elicitation:
            raise LookupError(f"mode {params.mode!r} is not offered")
        pending = subagent = None
        if params.session_id is not None:
            turn, subagent = self._running(params.session_id)
        else:
            turn = next((turn for turn in self._turns if turn.request_id == params.request_id), None)
            pending = self.connection.pending(params.request_id)
            if pending is None:
                raise LookupError(f"no request {excerpt(params.request_id, WIDTH)!r} waits for an answer")
        asks: Ask = partial(self._ask_out_of_turn, pending)
        if subagent is not None:
            asks = partial(self._ask_for_subagent, turn, request.size)
        elif turn is not None:
            asks = partial(turn.ask, size=request.size)
        elicit(self.connection, asks, request.request_id, params, subagent)

    def _running(self, session_id: str) -> tuple[Turn | None, Subagent | None]:
        if not self.sessions:  # An agent may ask right behind its answer to session/new, before we have read that.
            return None, None
        session, subagent = self._asking(session_id)
        return None if session.turn is None or session.turn.ended else session.turn, subagent

    def _ask_for_subagent(
        self, turn: Turn | None, size: int, asked: Question | Elicitation, on_answer: Callable[[Answer | None], None]
    ) -> None:
        """Ask in the running turn, or outside. What is open when the turn ends by itself is asked again outside.

        A subagent may work on after the turn; what it asked last is not lost.
        """

        def answered(answer: Answer | None) -> None:
            if answer is None and turn is not None and turn.ended and not turn.cancelled and turn.error is None:
                self._ask_out_of_turn(None, asked, on_answer)
            else:
                on_answer(answer)

        if turn is None or turn.ended:
            self._ask_out_of_turn(None, asked, on_answer)
        else:
            turn.ask(asked, answered, size)

    def _ask_out_of_turn(
        self, about: Pending | None, asked: Question | Elicitation, on_answer: Callable[[Answer | None], None]
    ) -> None:
        """Ask outside all turns. A question about our own request stops the request's clock and ends with it."""

        def on_end() -> None:
            self._take_back(asked.request_id)

        def answered(answer: Answer | None) -> None:
            if about is not None:
                about.untie(on_end)
            on_answer(answer)

        if self.on_out_of_turn is None:
            on_answer(None)
        elif self.out_of_turn.open(asked, answered):
            if about is not None:
                about.tie(on_end)
            self._tell(asked)

    def _serve(self, request: Request) -> None:
        params = request.params if isinstance(request.params, dict) else {}
        session, subagent = self._asking(str(params.get("sessionId")))

        async def permitted(tool_call: ToolCallUpdate) -> None:
            await permit(session.turn, request.request_id, tool_call, subagent)

        work = partial(session.client_methods.fulfil, request.method, params, permitted)
        self.request_tasks.start(request, session.session_id, work)
