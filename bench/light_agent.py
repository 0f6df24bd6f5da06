"""An agent in 5 MB, for benchmarks with a hundred of them: `python -I -S bench/light_agent.py`.

It imports no package, and starts in a sixth of the time of `bench.agent`, whose thousand starts would cost more than
all that the bot does. It can load any session, which costs it nothing. A prompt's line `tokens N RATE` makes it write
the number of its start, which is the last part of its marker, and N stamps (see `timestamps`), RATE a second.
"""

import json
import os
import re
import select
import sys
import time

MODES = {"currentModeId": "default", "availableModes": [{"id": "default", "name": "Ask"}]}
TOKENS = re.compile(r"^tokens (\d+) (\d+)$", re.MULTILINE)


def send(**message: object) -> None:
    """Write one message."""
    line = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")) + "\n"
    os.write(1, line.encode())


def say(session_id: str, text: str) -> None:
    """Write one chunk of text."""
    update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
    send(method="session/update", params={"sessionId": session_id, "update": update})


def answer(message: dict) -> None:  # type: ignore[type-arg]  # JSON
    """Answer a request."""
    params, result = message.get("params") or {}, {}
    match message["method"]:
        case "initialize":
            result = {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}, "authMethods": []}
        case "session/new":
            result = {"sessionId": f"sess_{os.getpid()}", "modes": MODES}
        case "session/load":
            say(params["sessionId"], "An earlier answer.")
            result = {"modes": MODES}
        case "session/prompt":
            text = "\n".join(str(block.get("text", "")) for block in params["prompt"])
            found = TOKENS.search(text)
            stopped = found is not None and stream(params["sessionId"], int(found[1]), int(found[2]))
            result = {"stopReason": "cancelled" if stopped else "end_turn"}
    send(id=message["id"], result=result)


def stream(session_id: str, count: int, rate: int) -> bool:
    """Write the tokens. Return whether the client wrote something meanwhile, which can only be a cancel."""
    begins = f"start {os.environ['THREADLINE_AGENT'].rpartition('/')[2]}: "
    began = time.monotonic()
    for number in range(count):
        if select.select([0], [], [], max(0.0, began + number / rate - time.monotonic()))[0]:
            return True
        say(session_id, f"{begins}{number}:{int(time.monotonic() * 1e6)} ")
        begins = ""
    return False


for line in sys.stdin.buffer:
    heard = json.loads(line)
    if "id" in heard:
        answer(heard)
