"""An agent on strings: it does what the lines of a prompt say that are JSON arrays, in order, one word first.

    ["say", TEXT]                     a piece of the answer
    ["update", UPDATE]                any session/update
    ["request", ID, METHOD, PARAMS]   a request of its own; the session's id is put in, and nothing is waited for
    ["notify", METHOD, PARAMS]        a notification
    ["await", ID]                     wait for the answer to a request, and say it
    ["big", COUNT, CHARACTER]         a permission request whose command has so many characters
    ["many", COUNT]                   one with so many options
    ["flood", COUNT]                  so many such requests at once; when all are answered it says so
    ["said"]                          say all that was prompted
    ["after", LINE]                   do what LINE says when the turn has ended

With `--login` it wants a page to be visited before it opens a session, with `--echo` it says all that was prompted.
It speaks the wire by itself and imports nothing of this project.
"""

import json
import sys
from typing import Any

session_id = "puppet"
answers: dict[Any, Any] = {}
later: list[list[Any]] = []
cancelled = False


def send(**message: Any) -> None:
    """Write a message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Send a text chunk."""
    update({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})


def update(told: Any) -> None:
    """Send a session/update."""
    send(method="session/update", params={"sessionId": session_id, "update": told})


def take() -> dict[str, Any]:
    """Read a message; the end of the input ends the process."""
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    message: dict[str, Any] = json.loads(line)
    if "method" not in message:
        answers[message["id"]] = message.get("result", message.get("error"))
    elif message["method"] == "session/cancel":
        global cancelled  # noqa: PLW0603 - one turn at a time
        cancelled = True
    return message


def permission(**request: Any) -> None:
    """Ask for permission."""
    options = [{"optionId": kind, "name": kind, "kind": kind} for kind in ("allow_once", "reject_once")]
    params = {"sessionId": session_id, "options": options, **request}
    send(id=request.pop("id", 1), method="session/request_permission", params=params)


def act(line: list[Any], prompted: str) -> None:
    """Carry out one directive."""
    match line:
        case ["say", text]:
            say(text)
        case ["update", told]:
            update(told)
        case ["request", request_id, method, params]:
            send(id=request_id, method=method, params={"sessionId": session_id, **params})
        case ["notify", method, params]:
            send(method=method, params=params)
        case ["await", request_id]:
            while request_id not in answers and not cancelled:
                message = take()
                if "method" in message and "id" in message:
                    send(id=message["id"], result={})
            say(json.dumps(answers.pop(request_id, None), ensure_ascii=False, sort_keys=True) + "\n")
        case ["big", count, character]:
            permission(toolCall={"toolCallId": "big", "title": "Run", "rawInput": {"command": character * count}})
        case ["many", count]:
            options = [{"optionId": str(n), "name": f"Option {n}", "kind": "allow_once"} for n in range(count)]
            permission(toolCall={"toolCallId": "many", "title": "Choose"}, options=options)
        case ["flood", count]:
            for number in range(count):
                permission(id=f"flood{number}", toolCall={"toolCallId": f"flood{number}", "title": "Run"})
            while len(answers) < count:
                take()
            say("flooded")
        case ["said"]:
            say(prompted)
        case ["after", line]:
            later.append(line)


def prompt(params: dict[str, Any]) -> dict[str, Any]:
    """Answer a prompt."""
    global cancelled  # noqa: PLW0603 - one turn at a time
    cancelled = False
    text = "\n".join(block.get("text", "") for block in params["prompt"])
    if "--echo" in sys.argv:
        say(f"```\n{text}\n```\n")
    for line in text.splitlines():
        if line.startswith("["):
            act(json.loads(line), text)
    return {"stopReason": "cancelled" if cancelled else "end_turn"}


def log_in(request_id: Any) -> None:
    """Ask for a page visit on behalf of a request of the client."""
    page = {"mode": "url", "message": "Log in first", "url": "https://login.example/", "elicitationId": "login"}
    send(id="login", method="elicitation/create", params={"requestId": request_id, **page})
    while "login" not in answers:
        take()


def main() -> None:
    """Serve until the end of the input."""
    while True:
        message = take()
        match message.get("method"):
            case "initialize":
                told = json.dumps(message["params"]["clientCapabilities"].get("elicitation"))
                info = {"name": told, "version": "1"}
                send(id=message["id"], result={"protocolVersion": 1, "agentInfo": info})
            case "session/new":
                if "--login" in sys.argv:
                    log_in(message["id"])
                modes = {"currentModeId": "ask", "availableModes": [{"id": "ask", "name": "Ask"}]}
                send(id=message["id"], result={"sessionId": session_id, "modes": modes})
            case "session/prompt":
                send(id=message["id"], result=prompt(message["params"]))
                while later:
                    act(later.pop(0), "")
            case str() if "id" in message:
                send(id=message["id"], result={})


if __name__ == "__main__":
    main()
