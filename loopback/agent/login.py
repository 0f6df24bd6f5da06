"""The scripted agent's login: a file that all its processes share, and ways to get it. For tests of clients."""

import threading
from dataclasses import dataclass
from pathlib import Path

from loopback.agent.wire import INVALID_PARAMS, JsonRpcLink, Message, RpcError

AUTH_REQUIRED = -32000

PLACES = ("new", "prompt")
"""What needs a login: opening a session, or a prompt."""

STATUSES = ("push", "draft", "silent")
"""How it says whether it is logged in: as agents do today, by the protocol's draft, or not at all."""

WAYS = ("device", "form", "terminal", "none")
"""How one logs in: by a page and a code, by a form that asks for a key, in a terminal, or not at all."""

CODE = "ABCD-1234"


@dataclass(frozen=True, slots=True)
class LoginScript:
    """It is logged in while `file` exists. A login by a page waits for a word from the FIFO `gate`, if there is one."""

    file: Path
    at: str = "prompt"
    status: str = "push"
    way: str = "device"
    url: str = "https://login.example/device"
    gate: Path | None = None


class Login:
    """Whether one agent is logged in, and its ways to log in. Thread-safe, as it has no state of its own."""

    def __init__(self, wire: JsonRpcLink, script: LoginScript | None) -> None:
        self._wire = wire
        self._script = script

    def capabilities(self) -> Message:
        """Return its part of the agent's capabilities."""
        match self._script and self._script.status:
            case "draft":
                return {"auth": {"status": {}}}
            case "push":
                return {"_meta": {"authStatus": {}}}
        return {}

    def methods(self, client: Message) -> list[Message]:
        """Return the ways to log in that suit the client's capabilities."""
        way = "none" if self._script is None else self._script.way
        if way == "terminal" and client.get("auth", {}).get("terminal"):
            return [{"id": "terminal", "name": "Terminal", "type": "terminal", "args": ["--version"]}]
        if way == "device" and "url" in client.get("elicitation", {}):
            return [{"id": "device-code", "name": "Page (device code)"}]
        return [{"id": "device-key", "name": "Key"}] if way == "form" else []

    def status(self) -> Message:
        """Answer `auth/status`."""
        return {"state": "authenticated" if self._is_logged_in else "unauthenticated"}

    def announce(self) -> None:
        """Push whether it is logged in, if it does so."""
        if self._script is not None and self._script.status == "push":
            self.push("account" if self._is_logged_in else "none")

    def push(self, kind: str) -> None:
        """Push a status of this kind."""
        self._wire.notify("_auth/status_update", {"authStatus": {"kind": kind, "label": f"Status {kind}"}})

    def require(self, place: str) -> None:
        """Raise `RpcError` if this place needs a login and there is none."""
        if self._script is not None and self._script.at == place and not self._is_logged_in:
            raise RpcError(AUTH_REQUIRED, "Authentication required")

    def begin(self, request_id: object, method_id: object) -> None:
        """Begin to answer `authenticate`. Raises `RpcError`."""
        script = self._script
        if script is None or method_id not in ("device-code", "device-key"):
            raise RpcError(INVALID_PARAMS, "Invalid params", {"methodId": method_id})

        def run() -> None:
            if self._is_logged_in or self._complete(script, request_id):
                script.file.touch()
                self.announce()
                self._wire.answer(request_id, {})
            else:
                self._wire.refuse(request_id, RpcError(AUTH_REQUIRED, "Sign-in did not complete"))

        threading.Thread(target=run, name="login", daemon=True).start()

    def _complete(self, script: LoginScript, request_id: object) -> bool:
        form = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
        asked: Message = {"requestId": request_id, "message": f"Sign in and enter this code: {CODE}"}
        if script.way == "form":
            asked |= {"mode": "form", "requestedSchema": form, "message": "Enter your key"}
        else:
            asked |= {"mode": "url", "url": script.url, "elicitationId": "login"}
        answers: list[Message] = []
        answered = threading.Event()

        def settle(response: Message) -> None:
            answers.append(response)
            answered.set()

        self._wire.request("elicitation/create", asked, settle)
        answered.wait()
        if answers[0].get("result", {}).get("action") != "accept":
            return False
        completed = script.gate is None or script.gate.read_text("utf-8").strip() == "yes"
        self._wire.notify("elicitation/complete", {"elicitationId": "login"})
        return completed

    @property
    def _is_logged_in(self) -> bool:
        return self._script is None or self._script.file.exists()
