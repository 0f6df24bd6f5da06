"""Records Discord's answers and events without IDs, tokens, names, or what people wrote.

Of texts only those are kept that the check has sent itself, and those at keys that Discord alone fills in. Every other
text is replaced by its kind, such as `<id>`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MOST_CHARACTERS: Final = 100
"""Characters of a text that are kept; the texts of 2,000 emoji say no more."""

LARGEST_NUMBER: Final = 10**14
"""Numbers above this may be IDs."""

KEPT_KEYS: Final = frozenset({"message", "content_type", "t", "scope"})
"""Keys whose texts are Discord's own: of errors, of files' types, and of events."""

KEPT_HEADERS: Final = frozenset(
    {
        *("content-type", "content-encoding", "via", "retry-after"),
        *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset-after", "x-ratelimit-bucket"),
        *("x-ratelimit-scope", "x-ratelimit-global"),
    }
)
"""Headers whose values are kept, in lower case. Of the others only the names are."""

_KINDS: Final = (
    (re.compile(r"\d{15,20}"), "<id>"),
    (re.compile(r"\d+"), "<digits>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.+Z-]+"), "<time>"),
    (re.compile(r"(https?|wss?)://\S+"), "<url>"),
)

_ID_IN_PATH: Final = re.compile(r"\d{15,20}")
_TOKEN_IN_PATH: Final = re.compile(r"(/interactions/[^/]+/)[^/]+")


class LiveRecording:
    """The answers and events of a live check, in order. `step` is the number of the step that runs."""

    def __init__(self) -> None:
        self.step = 0
        self._lines: list[dict[str, Any]] = []
        self._sent: set[str] = set()

    def note_call(self, method: str, path: str, sent: Any, status: int, headers: Mapping[str, str], body: Any) -> None:
        """Record a REST call and its answer."""
        self._sent.update(_texts(sent))
        self._lines.append(
            {
                "step": self.step,
                "method": method,
                "path": _TOKEN_IN_PATH.sub(r"\1<token>", _ID_IN_PATH.sub("<id>", path)),
                "sent": self._anonymous(sent),
                "status": status,
                "headers": {name.lower(): _header(name.lower(), value) for name, value in headers.items()},
                "body": self._anonymous(body),
            }
        )

    def note_event(self, frame: Mapping[str, Any]) -> None:
        """Record a message of the gateway."""
        self._lines.append({"step": self.step, **self._anonymous(frame)})

    def written(self) -> str:
        """Return everything as JSON, one call or event a line."""
        return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in self._lines)

    def _anonymous(self, value: Any, key: str = "") -> Any:
        match value:
            case dict():
                return {_kind(name, name): self._anonymous(inner, name) for name, inner in value.items()}
            case list():
                return [self._anonymous(inner, key) for inner in value]
            case str():
                kept = value in self._sent or key in KEPT_KEYS or not value
                return _kind(value, value[:MOST_CHARACTERS] if kept else "<text>")
            case int() if abs(value) > LARGEST_NUMBER:
                return 0
            case _:
                return value


def _header(name: str, value: str) -> str:
    return value if name in KEPT_HEADERS else "<text>"


def _kind(text: str, otherwise: str) -> str:
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(text)), otherwise)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
