"""The scripted agent's subagents: sessions below its own, with tool calls and questions of their own."""

from collections.abc import Callable

from loopback.agent.script import Directive, read_line
from loopback.agent.turn import Turn, TurnEnded, text_update
from loopback.agent.wire import INVALID_PARAMS, Message, RpcError

OPTIONS = [
    {"optionId": "allow_once", "name": "Allow once", "kind": "allow_once"},
    {"optionId": "allow_always", "name": "Always allow", "kind": "allow_always"},
    {"optionId": "reject_once", "name": "Reject", "kind": "reject_once"},
]


class Subagent:
    """One subagent of a turn. It asks one question at a time, while the turn continues."""

    def __init__(self, turn: Turn, name: str, task: str) -> None:
        """Announce it as running. Raises `RpcError` if the client does not show subagents."""
        if not turn.shows_subagents:
            raise RpcError(INVALID_PARAMS, "the client does not show subagents")
        self.name = name
        self._turn = turn
        self._session_id = f"{turn.session.session_id}_{name}"
        self._tools = 0
        self._call: Message = {}
        self._response: Message | None = None
        self.asks = False
        self._change(title=name, description=task, state={"state": "running"})

    def _change(self, **fields: object) -> None:
        """Report it on the session above, also from the reading thread and after a cancel."""
        update = {"sessionUpdate": "subagent_update", "sessionId": self._session_id, **fields}
        self._turn.wire.notify("session/update", {"sessionId": self._turn.session.session_id, "update": update})

    def _update(self, update: Message) -> None:
        self._turn.update(update, self._session_id)

    def say(self, text: str) -> None:
        """Send one chunk of text, which is for the agent above it."""
        self._update(text_update("agent_message_chunk", text))

    def tool(self, kind: str, title: str, status: str = "completed") -> None:
        """Send a tool call."""
        self._tools += 1
        self._call = {"toolCallId": f"call_{self._tools}"}
        raw = {"command" if kind == "execute" else "path": title}
        self._update({"sessionUpdate": "tool_call", **self._call, "title": title, "kind": kind, "rawInput": raw})
        if status != "pending":
            self._update({"sessionUpdate": "tool_call_update", **self._call, "status": status})

    def ask(self, kind: str, title: str) -> None:
        """Ask for permission, without waiting for the answer."""
        self.tool(kind, title, "pending")
        self._change(state={"state": "requires_action"})
        self.asks, self._response = True, None
        raw = {"command" if kind == "execute" else "path": title}
        call = {**self._call, "title": title, "kind": kind, "status": "pending", "rawInput": raw}
        asked = {"sessionId": self._session_id, "toolCall": call, "options": OPTIONS}
        self._turn.send_request("session/request_permission", asked, self._settle)

    def _settle(self, response: Message) -> None:
        """Report what came of the tool call, as far as the reading thread may: the turn may have been cancelled."""
        if (option := _chosen(response)) is not None:
            status = "completed" if option.startswith("allow") else "failed"
            update = {"sessionUpdate": "tool_call_update", **self._call, "status": status}
            self._turn.wire.notify("session/update", {"sessionId": self._session_id, "update": update})
        self._change(state={"state": "running"})
        self._response = response
        self._turn.wake()

    def finish(self) -> str:
        """Wait for the answer to its question, and end its work; return what became of it."""
        verdict = "done"
        if self.asks:
            self._turn.wait_until(lambda: self._response is not None)
            option = _chosen(self._response or {})
            if option is None:
                raise TurnEnded("cancelled")
            verdict = f"{'allowed' if option.startswith('allow') else 'rejected'} ({option})"
        self._change(state={"state": "idle", "stopReason": "end_turn"})
        return verdict


def _chosen(response: Message) -> str | None:
    """Return the id of the chosen option; None where the question was cancelled."""
    outcome = response.get("result", {}).get("outcome", {})
    return None if outcome.get("outcome") == "cancelled" else str(outcome.get("optionId"))


def begin(turn: Turn, directive: Directive) -> None:
    """Perform `subagent NAME TASK`."""
    name = directive.text("name")
    turn.subagents[name] = Subagent(turn, name, directive.text("task"))


def act(turn: Turn, directive: Directive) -> None:
    """Perform `by NAME DIRECTIVE`. Raises `RpcError` for a name or a directive that is none."""
    subagent: Subagent | None = turn.subagents.get(directive.text("name"))
    what = read_line(directive.text("what"))
    acts: dict[str, Callable[[Directive], None]] = {}
    if subagent is not None:
        acts = {
            "say": lambda it: subagent.say(it.text("text")),
            "tool": lambda it: subagent.tool(it.text("kind"), it.text("title")),
            "ask": lambda it: subagent.ask(it.text("kind"), it.text("title")),
        }
    if what is None or what.word not in acts:
        raise RpcError(INVALID_PARAMS, "no such subagent, or nothing that one can do", directive.arguments)
    acts[what.word](what)


def join(turn: Turn) -> list[str]:
    """Wait for the subagents in the order of their names, and return what became of their questions."""
    verdicts = [f"{name}: {turn.subagents[name].finish()}" for name in sorted(turn.subagents)]
    turn.subagents.clear()
    return verdicts
