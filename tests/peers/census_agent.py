"""An agent that starts fast and takes the census: `python -I -S census_agent.py FILE`, for scenes with hundreds.

When it starts it writes down how many agents of its bot live, itself included. The number is never larger than then.
It repeats each prompt; one of the form `gate PATH` it repeats when somebody has written to the FIFO there.
"""

import json
import os
import sys
from pathlib import Path

MODES = {"currentModeId": "default", "availableModes": [{"id": "default", "name": "Ask"}]}


def census() -> int:
    """Count the living processes whose marker has our own bot's journal in it."""
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
    """Do what a prompt says."""
    if text.startswith("gate "):
        Path(text.removeprefix("gate ")).read_bytes()
    chunk = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
    send(method="session/update", params={"sessionId": session_id, "update": chunk})
    return {"stopReason": "end_turn"}


def main() -> None:
    """Serve one client until its end of stdin."""
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
