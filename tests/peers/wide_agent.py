"""An agent with more models than a menu of Discord holds: `python -I -S wide_agent.py`. It answers with its model."""

import json
import sys

MODELS = [f"model {number:02}" for number in range(1, 61)]


def options(current: str) -> list[dict[str, object]]:
    """Return its options: the models, and one with names that must be escaped."""
    choices = [{"value": each, "name": each.capitalize()} for each in MODELS]
    model = {"id": "model", "name": "Model", "category": "model", "type": "select"}
    no = {"value": "", "name": "\u202eno"}
    odd: dict[str, object] = {"id": "odd", "name": " ", "type": "select", "currentValue": "", "options": [no]}
    return [{**model, "currentValue": current, "options": choices}, odd]


def send(**fields: object) -> None:
    """Write a message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **fields}) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve one client until the end of stdin."""
    current = MODELS[29]
    for line in sys.stdin:
        message = json.loads(line)
        params, result, update = message.get("params", {}), {}, None
        match message.get("method"):
            case "initialize":
                result = {"protocolVersion": 1, "agentCapabilities": {}}
            case "session/new":
                result = {"sessionId": "one", "configOptions": options(current)}
            case "session/set_config_option":
                current = params["value"]
                result = {"configOptions": options(current)}
            case "session/prompt":
                text = {"type": "text", "text": f"I am {current}"}
                update = {"sessionUpdate": "agent_message_chunk", "content": text}
                result = {"stopReason": "end_turn"}
        if update is not None:
            send(method="session/update", params={"sessionId": params["sessionId"], "update": update})
        if "id" in message:
            send(id=message["id"], result=result)


if __name__ == "__main__":
    main()
