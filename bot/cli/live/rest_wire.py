"""Makes single REST calls of a live check, and returns the raw answers with their headers.

The library hides what the check looks at: it waits for a window to end, repeats what is refused, and drops the headers.
This way of calling keeps Discord's limits too. Only the calls that are to be refused are made against them, and their
number is bounded.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, Self

import aiohttp
import discord
from yarl import URL

from bot.cli.texts import failures
from bot.operations.start_failure import StartFailed
from bot.rest.errors import is_from_discord

from .live_clock import LiveClock
from .recording import LiveRecording

SPACING_SECONDS: Final = 1 / 30
"""The least time between the starts of two calls, well below Discord's 50 a second."""

ANSWER_SECONDS: Final = 20.0
SLOWEST_BYTES: Final = 32 * 1024
"""Bound on one answer, and the bytes a second of the slowest upload, which may take longer by its size."""

TRIES: Final = 4
LONGEST_WAIT: Final = 60.0
"""Tries of a call that is refused for its rate or not answered, and the longest wait between two."""

MOST_REFUSALS: Final = 40
"""Answers of 401, 403 and 429 after which a check ends. Discord bans an address after 10,000 in ten minutes."""

MOST_REFUSALS_IN_ALL: Final = 55
"""The same, with those of removing what was made."""

FETCH_SECONDS: Final = 60.0
"""Bound on fetching one file; 10 MiB take a second or two."""

FILE_PATH: Final = "/attachments"
"""What a recording says of the address of a file, which holds its name and a signature."""

REFUSED: Final = frozenset({401, 403, 429})

UNREADABLE: Final = (AttributeError, LookupError, TypeError, ValueError)
"""What reading an answer raises that lacks a field, or that is no JSON."""

Upload = tuple[str, bytes]
"""A file's name and content."""


class TooManyRefusals(StartFailed):
    """Discord has refused so many calls that the check must end."""


class CallFailed(StartFailed):
    """A call was not answered, or not as a later step needs it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Discord's answer to one call: `body` is its JSON, and `seconds` is how long it took."""

    status: int
    headers: Mapping[str, str]
    body: Any
    seconds: float

    @property
    def code(self) -> int:
        """Discord's JSON error code, 0 without one."""
        return int(self.field("code") or 0)

    def field(self, name: str) -> Any:
        """Return a field of the body, None if there is none."""
        return self.body.get(name) if isinstance(self.body, dict) else None

    def number(self, name: str) -> float | None:
        """Return a header as a number."""
        try:
            return float(self.headers[name])
        except (KeyError, ValueError):
            return None

    @property
    def bucket(self) -> str:
        """The name of the rate limit's window."""
        return self.headers.get("X-RateLimit-Bucket", "")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message: its bytes as they came, packed by the `Content-Encoding` of its headers if there is one."""

    content: bytes
    headers: Mapping[str, str]
    seconds: float


class RestWire:
    """Calls Discord as the bot of `http`, a client that has logged in. An asynchronous context manager."""

    def __init__(self, http: discord.http.HTTPClient, clock: LiveClock, recording: LiveRecording) -> None:
        self._http = http
        self._clock = clock
        self._recording = recording
        self._session: aiohttp.ClientSession | None = None
        self._next_start = 0.0
        self._full_until: dict[str, float] = {}
        """When each exhausted window ends."""
        self.calls = 0
        self.refusals = 0
        self.most_refusals = MOST_REFUSALS

    async def __aenter__(self) -> Self:
        """Open the HTTP session."""
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": self._http.user_agent}, proxy=self._http.proxy, proxy_auth=self._http.proxy_auth
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open HTTP session, which carries no token."""
        if self._session is None:
            raise LookupError
        return self._session

    async def call(self, method: str, path: str, body: Any = None, files: Sequence[Upload] = ()) -> Answer:
        """Make a call when its window has room, and again where it is refused for its rate or not answered.

        Raises `CallFailed` and `TooManyRefusals`.
        """
        key = _window_key(method, path)
        for tries in range(1, TRIES + 1):
            await self._clock.sleep(max(0.0, self._full_until.get(key, 0.0) - self._clock.now()))
            answer, reason = None, ""
            try:
                answer = await self.once(method, path, body, files)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                reason = str(error) or type(error).__name__
            if answer is not None and answer.status < 500 and answer.status != 429:
                return answer
            if answer is not None:
                reason = failures.live_status(answer.status)
            if tries < TRIES:
                await self._clock.sleep(min(_wait_after(answer, tries), LONGEST_WAIT))
        raise CallFailed(failures.live_call(method, path, reason))

    async def once(self, method: str, path: str, body: Any = None, files: Sequence[Upload] = ()) -> Answer:
        """Make a call without regard to its window, and return whatever the answer is.

        Raises the errors of aiohttp, `TimeoutError` and `TooManyRefusals`.
        """
        if self.refusals >= self.most_refusals:
            raise TooManyRefusals(failures.live_refusals(self.refusals))
        await self._space()
        self.calls += 1
        size = sum(len(content) for _, content in files)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.timeout(ANSWER_SECONDS + size / SLOWEST_BYTES):
            async with self.session.request(
                method,
                f"{discord.http.Route.BASE}{path}",
                headers={"Authorization": f"Bot {self._http.token}"},
                **_payload(body, files),
            ) as response:
                text = await response.text()
        own = is_from_discord(response.headers.get("Content-Type", ""))
        answer = Answer(
            response.status, response.headers, json.loads(text) if own and text else None, loop.time() - begun
        )
        self._heed(_window_key(method, path), answer)
        self._recording.note_call(method, path, body, answer.status, answer.headers, answer.body)
        return answer

    async def fetch(self, url: str) -> File:
        """Fetch a file as the bot fetches those of people: without the token, and uncompressed.

        Raises the errors of aiohttp, and `TimeoutError`.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        proxy, proxy_auth = self._http.proxy, self._http.proxy_auth
        headers = {"Accept-Encoding": "identity"}
        async with (
            asyncio.timeout(FETCH_SECONDS),
            aiohttp.ClientSession(
                auto_decompress=False, headers=headers, proxy=proxy, proxy_auth=proxy_auth
            ) as session,
            session.get(URL(url, encoded=True), allow_redirects=False) as response,
        ):
            response.raise_for_status()
            content = await response.read()
        self._recording.note_call("GET", FILE_PATH, None, response.status, response.headers, None)
        return File(content, response.headers, loop.time() - begun)

    async def _space(self) -> None:
        now = self._clock.now()
        start = max(now, self._next_start)
        self._next_start = start + SPACING_SECONDS
        if start > now:
            await self._clock.sleep(start - now)

    def _heed(self, key: str, answer: Answer) -> None:
        """Count a refusal, and remember when an exhausted window ends."""
        shared = answer.headers.get("X-RateLimit-Scope") == "shared"
        self.refusals += answer.status in REFUSED and not shared
        if answer.number("X-RateLimit-Remaining") == 0 or answer.status == 429:
            wait = answer.number("X-RateLimit-Reset-After") or answer.number("Retry-After") or 0.0
            self._full_until[key] = self._clock.now() + min(wait, LONGEST_WAIT)


def _payload(body: Any, files: Sequence[Upload]) -> dict[str, Any]:
    """Return the arguments of a request in the form that the library gives it."""
    if not files:
        return {} if body is None else {"json": body}
    form = aiohttp.FormData(quote_fields=False)
    listed = [{"id": number, "filename": name} for number, (name, _) in enumerate(files)]
    form.add_field("payload_json", json.dumps({**body, "attachments": listed}))
    for number, (name, content) in enumerate(files):
        form.add_field(f"files[{number}]", BytesIO(content), filename=name, content_type="application/octet-stream")
    return {"data": form}


def _wait_after(answer: Answer | None, tries: int) -> float:
    """Return the seconds until the next try: what Discord asks for, or a wait that doubles."""
    asked = None if answer is None else answer.field("retry_after") or answer.number("Retry-After")
    return float(asked) if asked is not None else 2.0**tries


def _window_key(method: str, path: str) -> str:
    """Return what has a window of its own: the method and the path without the ids of messages."""
    return f"{method} {re.sub(r'/messages/[^/]+', '/messages/*', path).partition('/reactions/')[0]}"
