"""An agent that starts fast and streams without end: `python -I -S steady_agent.py`, for tests with a hundred of them.

It answers each prompt by a word every quarter of a second, until a cancel.
"""

import json
import sys
import threading

MODES = {"currentModeId": "default", "availableModes": [{"id": "default", "name": "Ask"}]}
PAUSE_SECONDS = 0.25
LOCK = threading.Lock()


def send(**fields: object) -> None:
    """Write a message."""
    with LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **fields}) + "\n")
        sys.stdout.flush()


def write_on(request_id: object, session_id: str, cancelled: threading.Event) -> None:
    """Answer a prompt until it is cancelled."""
    chunk = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "steady "}}
    while not cancelled.wait(PAUSE_SECONDS):
        send(method="session/update", params={"sessionId": session_id, "update": chunk})
    send(id=request_id, result={"stopReason": "cancelled"})


def main() -> None:
    """Serve one client and one session until the end of stdin."""
    cancelled = threading.Event()
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                send(id=message["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
            case "session/new":
                send(id=message["id"], result={"sessionId": "steady", "modes": MODES})
            case "session/prompt":
                cancelled.clear()
                work = (message["id"], message["params"]["sessionId"], cancelled)
                threading.Thread(target=write_on, args=work, daemon=True).start()
            case "session/cancel":
                cancelled.set()
            case _ if "id" in message:
                send(id=message["id"], result={})


if __name__ == "__main__":
    main()
