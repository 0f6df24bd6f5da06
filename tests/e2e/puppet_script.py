"""Directives of the puppet agent, and the buttons that the bot shows for them."""

import json
import sys
from pathlib import Path
from typing import Any

from loopback import Message, Outcome, User
from loopback.state.components import walk

PUPPET = (sys.executable, str(Path(__file__).parents[1] / "peers/puppet.py"))

Json = dict[str, Any]


def strings(*lines: list[Any]) -> str:
    """Encode directives for the puppet."""
    return "\n".join(map(json.dumps, lines))


def permission(request_id: int, call_id: str, title: str, *kinds: str, **call: Any) -> list[Any]:
    """A request for permission with an option of each kind."""
    options = [{"optionId": kind, "name": kind.replace("_", " "), "kind": kind} for kind in kinds]
    tool_call = {"toolCallId": call_id, "title": title, "kind": "execute", **call}
    return ["request", request_id, "session/request_permission", {"toolCall": tool_call, "options": options}]


def form(request_id: int, properties: Json, *required: str, message: str = "Who are you?") -> list[Any]:
    """A request for a form to be filled in."""
    schema = {"type": "object", "properties": properties, "required": required}
    return [
        "request",
        request_id,
        "elicitation/create",
        {"mode": "form", "message": message, "requestedSchema": schema},
    ]


def labels(message: Any) -> list[str]:
    """Return the labels of a message's buttons."""
    return [one["label"] for _, one in walk(message.components) if "label" in one]


def custom_ids(message: Any) -> list[str]:
    """Return the ids of a message's buttons."""
    return [one["custom_id"] for _, one in walk(message.components) if "custom_id" in one]


async def forge(person: User, message: Message, custom_id: str) -> Outcome:
    """Press a message's first button with a forged id."""
    button = next(one for _, one in walk(message.components) if "custom_id" in one)
    real = button["custom_id"]
    button["custom_id"] = custom_id
    try:
        return await person.click(message, custom_id=custom_id)
    finally:
        button["custom_id"] = real
