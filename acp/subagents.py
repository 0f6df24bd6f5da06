"""The subagents of a session: sessions that its agent opens below it (unstable in the schema: SubagentUpdate).

An agent announces a subagent on the session above it. Then it sends the subagent's own updates and questions under the
subagent's id. Its text stays unread: it is for the agent above it.
"""

from dataclasses import replace
from typing import Any

from acp.events import Subagent, SubagentState, SubagentToolCall
from acp.schema import SubagentStatus, SubagentUpdate, ToolCallUpdate, parse_update

MOST_SUBAGENTS = 256
"""Subagents that a session remembers. With more, the one that rests longest is forgotten until it is announced
again; if all of them work, a further one is not accepted."""

TITLE, DESCRIPTION, REASON = 200, 500, 300
"""Characters kept of each text."""

LONGEST_PATH = 4096

_STATES = {"running": SubagentState.RUNNING, "requires_action": SubagentState.WAITING}
_FAILURES = frozenset({"error", "refusal", "max_tokens", "max_turn_requests"})
_AT_WORK = frozenset(_STATES.values())


class Subagents:
    """The subagents of one session, also those of its subagents, by the ids of their sessions."""

    def __init__(self, session_id: str) -> None:
        """Start with none below the session `session_id`."""
        self._session_id = session_id
        self._known: dict[str, Subagent] = {}
        self._resting: dict[str, None] = {}
        """Those that do not work, the one that rests longest first: a search for it would make each update slow."""

    def get(self, session_id: str | None) -> Subagent | None:
        """Return the subagent with this session id, if it is one."""
        return None if session_id is None else self._known.get(session_id)

    def change(self, update: SubagentUpdate, above: Subagent | None = None) -> Subagent | None:
        """Apply an update from the session of the subagent `above` it, or from the main session.

        Returns the subagent as it is now, or None for a session that is none, or that there is no room for. A subagent
        keeps its place: a later update from elsewhere changes only its description.
        """
        session_id = update.session_id
        known = self._known.get(session_id)
        if known is None:
            if session_id == self._session_id or not self._has_room():
                return None
            known = Subagent(session_id, 1) if above is None else Subagent(session_id, above.depth + 1, cwd=above.cwd)
        changed = self._known[session_id] = replace(known, **_changes(update, "" if above is None else above.cwd))
        if changed.state in _AT_WORK:
            self._resting.pop(session_id, None)
        else:
            self._resting.setdefault(session_id)
        return changed

    def _has_room(self) -> bool:
        if len(self._known) < MOST_SUBAGENTS:
            return True
        resting = next(iter(self._resting), None)
        if resting is not None:
            del self._resting[resting], self._known[resting]
        return resting is not None

    def event(self, subagent: Subagent, raw: dict[str, Any]) -> Subagent | SubagentToolCall | None:
        """Read an update from a subagent's session. Returns the subagent itself where the update shows only life."""
        match parse_update(raw):
            case SubagentUpdate() as update:
                return self.change(update, subagent)
            case ToolCallUpdate() as update:
                return SubagentToolCall(subagent, update)
            case _:
                return subagent


def _changes(update: SubagentUpdate, cwd_above: str) -> dict[str, Any]:
    """Return the fields that an update sets."""
    told = update.model_fields_set
    changes: dict[str, Any] = {}
    if "title" in told:
        changes["title"] = (update.title or "")[:TITLE]
    if "description" in told:
        changes["description"] = (update.description or "")[:DESCRIPTION]
    if "state" in told:
        changes["state"], changes["reason"] = _state(update.state)
    if "cwd" in told:
        changes["cwd"] = (update.cwd or cwd_above)[:LONGEST_PATH]
    return changes


def _state(status: SubagentStatus | None) -> tuple[SubagentState, str]:
    """Return a subagent's state, and why it has failed."""
    match status:
        case SubagentStatus(state="idle", stop_reason="cancelled"):
            return SubagentState.CANCELLED, ""
        case SubagentStatus(state="idle", error={"message": str(message)}):
            return SubagentState.FAILED, message[:REASON]
        case SubagentStatus(state="idle", stop_reason=str(reason)) if reason in _FAILURES:
            return SubagentState.FAILED, reason
        case SubagentStatus(state="idle"):
            return SubagentState.COMPLETED, ""
        case SubagentStatus(state=state) if state in _STATES:
            return _STATES[state], ""
        case _:
            return SubagentState.UNKNOWN, ""
