"""An agent that starts fast and counts the live agents: `python -I -S census_agent.py FILE`, for tests with hundreds.

At its start it writes the number of its bot's live agents, itself included. The number never grows afterwards.
It repeats each prompt; it repeats `gate PATH` once the FIFO there is written to.
"""

import json
import os
import sys
from pathlib import Path

MODES = {"currentModeId": "default", "availableModes": [{"id": "default", "name": "Ask"}]}


def census() -> int:
    """Count the live processes with our own bot's journal in their marker."""
    mark = b"THREADLINE_AGENT=" + os.environb[b"THREADLINE_AGENT"].partition(b"/")[0] + b"/"
    living = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            marked = mark in (process / "environ").read_bytes()
            state = (process / "stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            continue
        living += marked and state not in b"ZX"
    return living


def send(**fields: object) -> None:
    """Write a message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **fields}) + "\n")
    sys.stdout.flush()


def prompted(session_id: str, text: str) -> dict[str, object]:
    """Carry out a prompt."""
    if text.startswith("gate "):
        Path(text.removeprefix("gate ")).read_bytes()
    chunk = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
    send(method="session/update", params={"sessionId": session_id, "update": chunk})
    return {"stopReason": "end_turn"}


def main() -> None:
    """Serve one client until the end of stdin."""
    with Path(sys.argv[1]).open("a") as file:
        file.write(f"{census()}\n")
    for line in sys.stdin:
        message = json.loads(line)
        params = message.get("params", {})
        match message.get("method"):
            case "initialize":
                result = {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}}
            case "session/new":
                result = {"sessionId": os.urandom(8).hex(), "modes": MODES}
            case "session/load":
                result = {"modes": MODES}
            case "session/prompt":
                result = prompted(params["sessionId"], params["prompt"][0]["text"])
            case _:
                result = {}
        if "id" in message:
            send(id=message["id"], result=result)


if __name__ == "__main__":
    main()
