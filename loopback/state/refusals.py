"""Ready-made answers for faults: Discord's refusals by their code, and those of the edge before Discord. Pure.

The edge is Cloudflare. Its answers are not Discord's JSON, have neither a Via header nor rate limit headers, and give
no waiting time.

Source: Discord's developer documentation, "Opcodes and Status Codes: JSON Error Codes". The statuses and the edge's
answers are observations.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from .errors import Reason

WRITE_RATE_SECONDS: Final = 10.0
"""The default waiting time after 20028 and 20029."""


class Edge(StrEnum):
    """One answer of the edge."""

    HTML_403 = "html 403"
    HTML_429 = "html 429"
    RATE_LIMITED = "1015"
    ACCESS_DENIED = "1020"
    NETWORK_ERROR = "40333"


@dataclass(frozen=True)
class Answer:
    """A status with its body, which is JSON, or text of the type `content_type`.

    `retry_after` is in seconds, None where the answer has none. A `shared` limit is not the bot's own fault.
    """

    status: int
    body: Any
    content_type: str | None = None
    retry_after: float | None = None
    shared: bool = False


def _page(title: str, text: str) -> str:
    """Return a page of the edge, longer than a Discord message like the real one."""
    filler = "\n".join(f'    <div class="cf-section" id="cf-{number}">{text}</div>' for number in range(60))
    return (
        f"<!DOCTYPE html>\n<html>\n  <head><title>{title} | discord.com | Cloudflare</title></head>\n"
        f"  <body>\n    <h1>{title}</h1>\n{filler}\n  </body>\n</html>\n"
    )


EDGE: Final = MappingProxyType(
    {
        Edge.HTML_403: Answer(403, _page("Attention Required!", "Sorry, you have been blocked"), "text/html"),
        Edge.HTML_429: Answer(429, _page("Access denied", "You are being rate limited"), "text/html"),
        Edge.RATE_LIMITED: Answer(429, "error code: 1015", "text/plain"),
        Edge.ACCESS_DENIED: Answer(403, "error code: 1020", "text/plain"),
        Edge.NETWORK_ERROR: Answer(403, {"message": "internal network error", "code": 40333}),
    }
)


def by_code(code: int) -> Answer:
    """Return Discord's refusal with that JSON error code. Raises ValueError for an unknown one."""
    reason = next((one for one in Reason if one.code == code), None) if code else None
    if reason is None:
        raise ValueError(f"no refusal has the code {code!r}")
    body: dict[str, Any] = {"message": reason.value[2], "code": code}
    if reason.status != 429:
        return Answer(reason.status, body)
    return Answer(429, body, retry_after=WRITE_RATE_SECONDS, shared=True)
