"""Turns an agent's request into a question for a person: permission, form values, or a page to open.

Each becomes a question of the running turn. Without a turn, permission is refused, unless a subagent asks, which may
work on after the turn. Values and a page visit can be asked for outside a turn, because they belong to a session, or to
a request of ours such as session/new (schema: CreateElicitationRequest).
"""

import asyncio
from collections.abc import Callable
from typing import Any

from acp.client_side.refusal import RequestRefused
from acp.connection import Connection
from acp.events import Accept, Answer, Decline, Elicitation, Question, Subagent
from acp.jsonrpc import INTERNAL_ERROR, REQUEST_CANCELLED, RequestId
from acp.schema import CreateElicitation, PermissionOption, RequestPermission, ToolCallUpdate
from acp.turn import Turn

ALLOW = PermissionOption(option_id="allow", name="Allow", kind="allow_once")
REJECT = PermissionOption(option_id="reject", name="Reject", kind="reject_once")
"""The options of our own questions, about what the agent wants of its client."""


Ask = Callable[[Question | Elicitation, Callable[[Answer | None], None]], None]
"""Puts a question to people, and passes on their answer; None means that there is none."""


def ask(
    connection: Connection, ask: Ask | None, request_id: RequestId, params: RequestPermission, subagent: Subagent | None
) -> None:
    """Ask a session/request_permission by `ask`, and answer it when a person has; without one, `cancelled`."""

    def reply(answer: Answer | None) -> None:
        connection.answer(request_id, _outcome(answer))

    if ask is None:
        tool_call_id = params.tool_call.tool_call_id
        connection.violations.note("warning", "agent asked for permission outside a turn", tool_call_id=tool_call_id)
        reply(None)
    else:
        ask(Question(request_id, params.tool_call, tuple(params.options), subagent=subagent), reply)


def elicit(
    connection: Connection, ask: Ask, request_id: RequestId, params: CreateElicitation, subagent: Subagent | None
) -> None:
    """Ask an elicitation/create by `ask`, and answer it when a person has."""
    elicitation = Elicitation(
        request_id,
        params.mode,
        params.message,
        params.requested_schema,
        params.url,
        params.elicitation_id,
        params.tool_call_id,
        subagent,
    )
    ask(elicitation, lambda answer: connection.answer(request_id, _action(answer)))


async def permit(
    turn: Turn | None, request_id: RequestId, tool_call: ToolCallUpdate, subagent: Subagent | None
) -> None:
    """Ask whether the agent may do this through its client. Raises `RequestRefused`, immediately without a turn."""
    if turn is None:
        raise RequestRefused(INTERNAL_ERROR, "No prompt is being answered, so no person can allow this")
    answered: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
    question = Question(request_id, tool_call, (ALLOW, REJECT), of_client=True, subagent=subagent)
    turn.ask(question, lambda answer: None if answered.done() else answered.set_result(answer))
    match await answered:
        case ALLOW.option_id:
            return
        case None:
            raise RequestRefused(REQUEST_CANCELLED, "Request cancelled")
        case _:
            raise RequestRefused(INTERNAL_ERROR, "The user rejected this")


def _outcome(answer: Answer | None) -> dict[str, Any]:
    """Encode the answer to session/request_permission; None means cancelled."""
    match answer:
        case str(option_id):
            return {"outcome": {"outcome": "selected", "optionId": option_id}}
        case _:
            return {"outcome": {"outcome": "cancelled"}}


def _action(answer: Answer | None) -> dict[str, Any]:
    """Encode the answer to elicitation/create; None means cancelled."""
    match answer:
        case Accept(None):
            return {"action": "accept"}
        case Accept(content):
            return {"action": "accept", "content": dict(content or {})}
        case Decline():
            return {"action": "decline"}
        case _:
            return {"action": "cancel"}
