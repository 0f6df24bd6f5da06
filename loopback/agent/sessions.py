"""The scripted agent's sessions and their storage, from which another process can continue."""

import json
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from loopback.agent.wire import INVALID_PARAMS, NOT_FOUND, Message, RpcError

MODES = {
    "default": ("Default", "Asks before it acts"),
    "auto": ("Auto", "Acts without asking"),
}
MODELS = {"small": "Small and quick", "large": "Large and careful"}

_HISTORY = 2_000  # updates kept for a replay
MOST_TITLE = 60  # characters


@dataclass(slots=True)
class Session:
    """One conversation. `history` has the updates that session/load replays, oldest first, at most 2,000."""

    session_id: str
    cwd: str
    mode: str
    model: str = "small"
    steering: tuple[str, bool] = ("injected", False)
    """How it answers messages into its turns, and whether it does so after the turn's end."""
    title: str | None = None
    updated_at: str = ""
    prompts: list[str] = field(default_factory=list)
    history: deque[Message] = field(default_factory=lambda: deque(maxlen=_HISTORY))

    def new_message(self) -> str:
        """Return the id of the agent's next message, which answers the prompt that was remembered last."""
        return f"msg_{self.session_id}_{len(self.prompts)}"

    def remember_prompt(self, text: str) -> None:
        """Count a prompt, and name the session after its first one."""
        self.prompts.append(text)
        self.updated_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.title = self.title or " ".join(text.split())[:MOST_TITLE] or "Untitled"
        self.remember({"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": text}})

    def remember(self, update: Message) -> None:
        """Add an update to the history. Consecutive texts of one kind are joined."""
        kind = update["sessionUpdate"]
        if kind.endswith("_chunk") and self.history and self.history[-1]["sessionUpdate"] == kind:
            joined = self.history[-1]["content"]["text"] + update["content"]["text"]
            self.history[-1] = {**update, "content": {"type": "text", "text": joined}}
        elif kind.endswith("_chunk") or kind in {"tool_call", "tool_call_update", "plan"}:
            self.history.append(update)

    def settings(self, *, with_modes: bool) -> Message:
        """Return `modes` and `configOptions` for session/new, load and resume."""
        if not with_modes:
            return {"configOptions": self.options(with_modes=False)}
        modes = [{"id": mode, "name": name, "description": about} for mode, (name, about) in MODES.items()]
        return {
            "modes": {"currentModeId": self.mode, "availableModes": modes},
            "configOptions": self.options(with_modes=True),
        }

    def options(self, *, with_modes: bool) -> list[Message]:
        """Return the complete list of config options, which the protocol wants at every change."""
        models = {model: (name, "") for model, name in MODELS.items()}
        model = _select("model", "Model", self.model, models)
        return [_select("mode", "Mode", self.mode, MODES), model] if with_modes else [model]


def _select(option: str, name: str, current: str, choices: dict[str, tuple[str, str]]) -> Message:
    return {
        "id": option,
        "name": name,
        "category": option,
        "type": "select",
        "currentValue": current,
        "options": [
            {"value": value, "name": label} | ({"description": about} if about else {})
            for value, (label, about) in choices.items()
        ],
    }


class Sessions:
    """All sessions of this process, and with a `directory` those of earlier processes."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._open: dict[str, Session] = {}
        self._keeping = threading.Lock()
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)

    def create(self, cwd: object, mode: str) -> Session:
        """Create a session. Raises `RpcError` if `cwd` is not an absolute path."""
        if not isinstance(cwd, str) or not Path(cwd).is_absolute():
            raise RpcError(INVALID_PARAMS, "cwd must be an absolute path", {"cwd": cwd})
        session = Session(f"sess_{os.urandom(8).hex()}", cwd, mode)
        self._open[session.session_id] = session
        return session

    def fork(self, source: Session, cwd: object, message_id: str, mode: str) -> Session:
        """Copy a session, up to a message if one is named. Raises `RpcError` if the source does not have it."""
        prompts, history = list(source.prompts), list(source.history)
        if message_id:
            ends = [place for place, update in enumerate(history) if update.get("messageId") == message_id]
            if not ends:
                raise RpcError(INVALID_PARAMS, f"Fork point message {message_id} was not found", {"id": message_id})
            history = history[: ends[-1] + 1]
            prompts = prompts[: sum(update["sessionUpdate"] == "user_message_chunk" for update in history)]
        session = self.create(cwd, mode)
        session.model, session.title, session.updated_at = source.model, source.title, source.updated_at
        session.prompts, session.history = prompts, deque(history, maxlen=_HISTORY)
        self.keep(session)
        return session

    def find(self, session_id: object) -> Session:
        """Return the session with this id that is open in this process. Raises `RpcError` if there is none."""
        session = self._open.get(session_id) if isinstance(session_id, str) else None
        if session is None:
            raise RpcError(NOT_FOUND, "Resource not found", {"sessionId": session_id})
        return session

    def reopen(self, session_id: object) -> Session:
        """Return the session with this id, also from the directory. Raises `RpcError` for an unknown id."""
        path = self._path(session_id) if isinstance(session_id, str) else None
        if session_id not in self._open and path is not None and path.exists():
            kept = json.loads(path.read_text("utf-8"))
            kept["history"] = deque(kept["history"], maxlen=_HISTORY)
            self._open[kept["session_id"]] = Session(**kept)
        return self.find(session_id)

    def keep(self, session: Session) -> None:
        """Write the session to the directory, if there is one, atomically."""
        path = self._path(session.session_id)
        if path is None:
            return
        kept = {name: getattr(session, name) for name in Session.__slots__} | {"history": list(session.history)}
        draft = path.with_suffix(".part")
        with self._keeping:
            draft.write_text(json.dumps(kept), "utf-8")
            draft.replace(path)

    def listed(self, cwd: object = None) -> list[Session]:
        """Return every session that can be continued, oldest first, or with `cwd` those of that directory."""
        if self._directory is not None:
            for path in self._directory.glob("sess_*.json"):
                self.reopen(path.stem)
        found = [session for session in self._open.values() if cwd is None or session.cwd == cwd]
        return sorted(found, key=lambda session: session.updated_at)

    def _path(self, session_id: str) -> Path | None:
        if self._directory is None or not session_id.replace("_", "").isalnum():
            return None
        return self._directory / f"{session_id}.json"
