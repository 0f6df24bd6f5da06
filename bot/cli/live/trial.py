"""What the steps of a live check share: the calls, the clock, the place, the findings, and what they have made."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bot.cli.texts import live as texts

from .findings import LiveFindings
from .gateway_wire import GatewayWire
from .live_clock import LiveClock
from .place import Place
from .rest_wire import Answer, CallFailed, RestWire, Upload

SUPPRESS_EMBEDS: Final = 1 << 2
"""The flag of messages whose links show no previews, which all of the bot's messages have."""


@dataclass
class Trial:
    """One run of a live check."""

    rest: RestWire
    gateway: GatewayWire
    clock: LiveClock
    place: Place
    findings: LiveFindings
    show: Callable[[str], None]
    """Tells the person at the terminal what to do."""
    message_id: str = ""
    """The message on which the thread stands."""
    thread_id: str = ""
    gateway_url: str = ""
    nonce: dict[str, Any] = field(default_factory=dict)
    """The message that is posted several times with one nonce, first at `nonce_from` as `nonce_message`."""
    nonce_from: float = 0.0
    nonce_message: str = ""

    @property
    def channel(self) -> str:
        """The path of the channel."""
        return f"/channels/{self.place.channel_id}"

    @property
    def thread(self) -> str:
        """The path of the thread. Raises `CallFailed` if it was not opened."""
        if not self.thread_id:
            raise CallFailed(texts.NO_THREAD)
        return f"/channels/{self.thread_id}"

    @property
    def thread_link(self) -> str:
        """The address of the thread for a person."""
        return texts.link(self.place.guild_id, self.place.channel_id, self.message_id)

    def draft(self, content: str, **fields: Any) -> dict[str, Any]:
        """Return the body of a new message in the form of the bot's own, with a nonce of its own."""
        return {
            "content": content,
            "nonce": secrets.token_hex(8),
            "enforce_nonce": True,
            "flags": SUPPRESS_EMBEDS,
            "allowed_mentions": {"parse": []},
            **fields,
        }

    async def post(self, place: str, content: str, files: Sequence[Upload] = (), **fields: Any) -> Answer:
        """Post a message in a channel or thread by its path. Raises `CallFailed` unless Discord takes it."""
        answer = await self.rest.call("POST", f"{place}/messages", self.draft(content, **fields), files)
        if answer.status != 200:
            raise CallFailed(texts.not_posted(texts.answer(answer.status, answer.code)))
        return answer

    async def try_call(
        self, subject: str, method: str, path: str, body: Any = None, *, status: int, code: int = 0
    ) -> Answer:
        """Make a call, and expect this status and error code."""
        answer = await self.rest.call(method, path, body)
        self.expect_answer(subject, answer, status=status, code=code)
        return answer

    def expect_answer(self, subject: str, answer: Answer, *, status: int, code: int = 0) -> None:
        """Compare an answer with the status and the error code that it should have."""
        holds = (answer.status, answer.code) == (status, code)
        self.findings.expect(subject, texts.answer(status, code), texts.answer(answer.status, answer.code), holds=holds)
