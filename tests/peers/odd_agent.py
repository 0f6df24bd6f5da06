"""An agent that behaves as its arguments say, well or badly: `python odd_agent.py WORD ...`.

It speaks ACP by itself, one request at a time, and imports no module of this project. `WORDS` lists the words. Without
one it answers, and writes the requested file without a question.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WORDS = {
    "announces": "announces the tool call of its write",
    "any-mode": "has the modes ask and act, and accepts any other",
    "asks": "asks before it writes",
    "astray": "writes into the directory it was started in",
    "auth-new": "wants a login before it opens a session",
    "auth-prompt": "wants a login before it answers a prompt",
    "blind": "accepts images, and does not see them",
    "by-id": "asks about a tool call by its id alone",
    "counts-prompts": "notes in its directory how many prompts it has had",
    "daemon": "starts a process that no marker and no session leads to",
    "defies": "asks, and writes whatever the answer",
    "deletes": "offers to delete sessions, and notes those that it has deleted in its directory",
    "dies": "exits with a word on stderr when a session is wanted",
    "dies-of-modes": "has a mode, and exits when another is set",
    "ends-cancelled": "ends a cancelled turn as if it had finished",
    "env": "gives its environment for its name",
    "forgets": "forks sessions, and the fork does not know what was said",
    "forgets-crashed": "does not open its sessions again where it has not ended in order",
    "forks": "forks sessions",
    "forks-itself": "forks sessions, and gives the fork the id of its source",
    "hangs": "says its process id on the FIFO that comes next, and nothing more",
    "holds-load": "says its process id on the FIFO that comes last when it is to reopen a session, and does not answer",
    "idle": "offers steering, and says that no turn runs",
    "ignores-cancel": "does not end a cancelled turn",
    "junk": "writes lines that are no messages",
    "late": "goes on talking in a session when another one is opened",
    "keeps": "offers to delete sessions, and refuses",
    "locks": "does not start where another one has not ended in order",
    "logs": "writes about itself to its stderr, as agents do",
    "mutinous": "offers steering, and refuses it",
    "no-reject": "offers no option to reject",
    "reopens": "opens its sessions again",
    "sees": "accepts images",
    "short": "ends a long turn at once, without a word",
    "silent": "ends its turns without a word",
    "starts-turn": "offers steering, and begins another turn with the message",
    "steers": "takes messages into its running turn",
    "text-ids": "gives its requests texts for ids",
    "unopened": "says that it opens its sessions again, and does not",
    "vendor": "asks for something of its own making",
    "with-agent-login": "names a way to log in that it does itself",
    "with-refused-login": "names one that it does itself, and refuses it",
    "with-terminal-login": "names a way to log in in a terminal",
    "with-variable-login": "names a variable with which it would work",
}

words = sys.argv[1:]
sessions: list[str] = []
LOCK = Path("lock").absolute()
"""It lies where the agent was started, while it runs."""
CRASHED = LOCK.exists()


def put(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def send(**message: Any) -> None:
    """Write a message."""
    put(json.dumps({"jsonrpc": "2.0", **message}))


def update(session_id: str, session_update: str, **more: Any) -> None:
    """Send a session/update."""
    told = {"sessionUpdate": session_update, **more}
    send(method="session/update", params={"sessionId": session_id, "update": told})


def say(session_id: str, text: str) -> None:
    """Send a text chunk."""
    update(session_id, "agent_message_chunk", content={"type": "text", "text": text})


def ask(request_id: int | str, method: str, **params: Any) -> dict[str, Any]:
    """Send a request and wait for the answer; a cancel may come first."""
    send(id=request_id, method=method, params=params)
    while True:
        answer: dict[str, Any] = json.loads(sys.stdin.readline())
        if answer.get("id") == request_id:
            return answer


def initialize() -> dict[str, Any]:
    """Return the capabilities."""
    ways: dict[str, dict[str, Any]] = {
        "with-terminal-login": {"type": "terminal", "args": ["--login", "now"], "env": {"HOW": "in a terminal"}},
        "with-agent-login": {},
        "with-refused-login": {},
        "with-variable-login": {"type": "env_var", "vars": [{"name": "ODD_KEY"}]},
    }
    methods = [{"id": word, "name": word, **ways[word]} for word in words if word in ways]
    name = " ".join(sorted(os.environ)) if "env" in words else "odd"
    offered = {"delete": ("deletes", "keeps"), "fork": ("forks", "forks-itself", "forgets")}
    capabilities = {
        "loadSession": bool({"reopens", "unopened"} & set(words)),
        "promptCapabilities": {"image": bool({"sees", "blind"} & set(words))},
        "sessionCapabilities": {each: {} for each, by in offered.items() if set(by) & set(words)},
    }
    return {
        "protocolVersion": 1,
        "authMethods": methods,
        "agentInfo": {"name": name, "version": "1"},
        "agentCapabilities": capabilities,
        "_meta": {"steering": {"supported": bool({"steers", "idle", "starts-turn", "mutinous"} & set(words))}},
    }


def new(params: dict[str, Any]) -> dict[str, Any]:
    """Open a session; its id is its directory."""
    if "dies" in words:
        sys.exit("odd enough to die")
    if "late" in words and sessions:
        say(sessions[-1], "and another thing")
    sessions.append(params["cwd"])
    opened = {"sessionId": params["cwd"]}
    if "any-mode" in words or "dies-of-modes" in words:
        modes = [{"id": "ask", "name": "Ask"}, {"id": "act", "name": "Act"}]
        opened["modes"] = {"currentModeId": "act", "availableModes": modes}
    return opened


def write(session_id: str) -> None:
    """Write the file in the way that the words say."""
    if "announces" in words:
        update(session_id, "tool_call", toolCallId="call", title="Write a file", kind="edit")
    allowed = True
    if {"asks", "defies", "no-reject"} & set(words):
        options = [{"optionId": "yes", "name": "Yes", "kind": "allow_once"}]
        if "no-reject" not in words:
            options.append({"optionId": "never", "name": "Never", "kind": "reject_always"})
        request_id = "q1" if "text-ids" in words else 0
        answer = ask(
            request_id,
            "session/request_permission",
            sessionId=session_id,
            toolCall={"toolCallId": "call"} | ({} if "by-id" in words else {"title": "Write it?"}),
            options=options,
        )
        allowed = answer["result"]["outcome"].get("optionId") == "yes"
        say(session_id, json.dumps(answer["result"]["outcome"]))
    if allowed or "defies" in words:
        folder = Path() if "astray" in words else Path(session_id)
        (folder / "threadline-doctor.txt").write_text("ok")


def prompt(params: dict[str, Any]) -> dict[str, Any]:
    """Answer a prompt."""
    if "logs" in words:
        sys.stderr.write("2026-01-01 INFO a prompt\nWARNING it is short\n")
        sys.stderr.flush()
    session_id, text = params["sessionId"], params["prompt"][0]["text"]
    if "counts-prompts" in words:
        noted = Path("prompts.txt")
        noted.write_text(f"{int(noted.read_text()) + 1 if noted.exists() else 1}")
    if "junk" in words:
        put("this is no message")
        put("nor is this")
    if "vendor" in words:
        ask(7, "odd/extra")
    if "threadline-doctor.txt" in text:
        write(session_id)
    elif "Count upwards" in text:
        return {"stopReason": count(session_id)}
    elif "silent" not in words:
        say(session_id, "Red, and ready" if {"blind", "forgets"}.isdisjoint(words) or text.startswith("Reply") else "?")
    return {"stopReason": "end_turn"}


def count(session_id: str) -> str:
    """Count to one, then listen until the turn is cancelled; return its stop reason."""
    if "short" in words:
        return "end_turn"
    say(session_id, "1")
    while True:
        message = json.loads(sys.stdin.readline() or sys.exit())
        match message["method"]:
            case "session/cancel" if "ignores-cancel" not in words:
                return "end_turn" if "ends-cancelled" in words else "cancelled"
            case "_session/steering" if "mutinous" in words:
                send(id=message["id"], error={"code": -32601, "message": "will not be steered"})
            case "_session/steering":
                outcome = {"idle": "promptRequired", "starts-turn": "startedNewTurn"}
                result = {"outcome": next((outcome[word] for word in words if word in outcome), "injected")}
                send(id=message["id"], result=result)


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the members of the response to a request."""
    refused = {"error": {"code": -32000, "message": "Authentication required"}}
    match method:
        case "initialize":
            return {"result": initialize()}
        case "session/new":
            return refused if "auth-new" in words else {"result": new(params)}
        case "session/prompt":
            return refused if "auth-prompt" in words else {"result": prompt(params)}
        case "session/set_mode":
            if "dies-of-modes" in words and params["modeId"] != "ask":
                sys.exit(9)
            return {"result": {}}
        case "session/load" if "holds-load" in words:
            Path(words[-1]).write_text(f"{os.getpid()}")
            sys.stdin.read()
        case "session/load" if "reopens" in words and not CRASHED:
            return {"result": {}}
        case "session/fork":
            mark = "" if "forks-itself" in words else "#fork"
            return {"result": {"sessionId": f"{params['sessionId']}{mark}"}}
        case "session/delete" if "deletes" in words:
            with Path("deleted.txt").open("a") as deleted:
                deleted.write(f"{params['sessionId']}\n")
            return {"result": {}}
        case "authenticate" if params["methodId"] == "with-agent-login":
            sys.stderr.write("visit http://127.0.0.1/device and type 1234\n")
            sys.stderr.flush()
            ask(8, "odd/visited")
            return {"result": {}}
    return {"error": {"code": -32603, "message": f"will not do {method}"}}


def main() -> None:
    """Serve until the end of the input."""
    if "--login" in words:
        put(f"{words} {os.environ['HOW']}, in {Path.cwd()}, told {sys.stdin.readline().strip()}")
        sys.exit(3)
    if "hangs" in words:
        Path(words[-1]).write_text(f"{os.getpid()}")
        sys.stdin.read()
    if "daemon" in words:
        # Its parent is this process alone: the marker is in the environment that it does not get.
        quiet = subprocess.DEVNULL
        child = subprocess.Popen(
            ["/bin/sleep", "600"], env={}, start_new_session=True, stdin=quiet, stdout=quiet, stderr=quiet
        )
        Path("daemon.pid").write_text(f"{child.pid}")
    if "locks" in words and CRASHED:
        sys.exit("another one runs here")
    if {"locks", "forgets-crashed"} & set(words):
        LOCK.touch()
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            send(id=message["id"], **answer(message["method"], message["params"]))
    LOCK.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
