"""What an agent says and asks, brought to the session that it is about; synchronous, in the agent's order."""

from functools import partial

import structlog
from pydantic import ValidationError

from .asking import ask, elicit, permit
from .chunks import Kind
from .client import Client
from .connection import Connection, Wire
from .early import EarlyUpdates
from .errands import Errands
from .events import ElicitationCompleted
from .jsonrpc import INVALID_PARAMS, Notification, Request, RequestId
from .schema import CreateElicitation, RequestPermission, ToolCallUpdate
from .session import Session

__all__ = ["Dispatch"]

log = structlog.stdlib.get_logger("acp")


class Dispatch:
    """One agent's connection and its sessions by id. Whatever is for no session that is known here goes nowhere."""

    def __init__(self, wire: Wire, client: Client) -> None:
        """Hear what comes through `wire`, and answer what `client` offers."""
        self._client = client
        self.sessions: dict[str, Session] = {}
        self.early = EarlyUpdates()
        self.connection = Connection(
            wire, on_request=self._on_request, on_notification=self._on_notification, on_text=self._on_text
        )
        self.errands = Errands(self.connection)

    # ---- what the agent says

    def _on_text(self, session_id: str, kind: Kind, text: str) -> None:
        session = self.sessions.get(session_id)
        if session is not None:
            session.text(kind, text)
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
                else:
                    self.early.keep(session_id, update, notification.size)
            case "$/cancel_request", {"requestId": int() | str() | None as request_id}:
                self._withdraw(request_id)
            case "elicitation/complete", {"elicitationId": str(elicitation_id)}:
                for session in self.sessions.values():
                    if session.turn is not None:
                        session.turn.put(ElicitationCompleted(elicitation_id))
            case method, _:
                log.debug("agent sent a notification that is not for us", method=method)

    def _withdraw(self, request_id: RequestId) -> None:
        turns = (session.turn for session in self.sessions.values())
        if not any(turn is not None and turn.withdraw(request_id) for turn in turns):
            self.errands.cancel(request_id)

    # ---- what the agent asks

    def _on_request(self, request: Request) -> bool:
        try:
            match request.method:
                case "session/request_permission":
                    asked = RequestPermission.model_validate(request.params)
                    ask(self.connection, self._session(asked.session_id).turn, request.request_id, asked)
                case "elicitation/create" if self._client.elicitation:
                    self._elicit(request.request_id, CreateElicitation.model_validate(request.params))
                case method if self._client.serves(method):
                    self._serve(request)
                case _:
                    return False
        except (ValidationError, LookupError) as error:
            self.connection.refuse(request.request_id, INVALID_PARAMS, f"Invalid params: {error}")
        return True

    def _session(self, session_id: str | None) -> Session:
        session = None if session_id is None else self.sessions.get(session_id)
        if session is None:
            raise LookupError(f"unknown session {session_id!r}")
        return session

    def _elicit(self, request_id: RequestId, params: CreateElicitation) -> None:
        if params.mode not in self._client.elicitation:
            raise LookupError(f"mode {params.mode!r} is not offered")
        if params.session_id is None:
            turns = (session.turn for session in self.sessions.values())
            turn = next((turn for turn in turns if turn is not None and turn.request_id == params.request_id), None)
            if turn is None:
                raise LookupError(f"no request {params.request_id!r} waits for an answer")
        else:
            turn = self._session(params.session_id).turn
        elicit(self.connection, turn, request_id, params)

    def _serve(self, request: Request) -> None:
        params = request.params if isinstance(request.params, dict) else {}
        session = self._session(str(params.get("sessionId")))

        async def permitted(tool_call: ToolCallUpdate) -> None:
            await permit(session.turn, request.request_id, tool_call)

        work = partial(session.desk.fulfil, request.method, params, permitted)
        self.errands.start(request, session.session_id, work)
