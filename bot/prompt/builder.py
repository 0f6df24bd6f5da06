"""Builds the prompt of one exchange: the messages, their files, and what the agent cannot know otherwise."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

from acp.schema import PromptCapabilities, ResourceLink, TextBlock
from bot import user_messages as words
from bot.rest.api import DiscordApi, RestError
from bot.rest.calls import Urgency
from pool.journal.journal import Journal

from .attachment_urls import AttachmentUrls
from .attachments import Attachments
from .discord_message import mentioned_in, names_in, quote_of, readable, said_in
from .formatting import Part, prompt
from .request import Quote, Request, read_request

__all__ = ["PromptBuilder"]

RECENT: Final = 30
"""Messages of a thread that are read when the bot comes into it late, beside its first one."""

NAMED: Final = 10
"""People whose names are asked for, at most, where a request mentions them."""

ATTEMPTS: Final = 3
"""Tries at reading any of that."""

_KEPT: TypeAdapter[list[TextBlock | ResourceLink]] = TypeAdapter(list[TextBlock | ResourceLink])

T = TypeVar("T")

log = structlog.stdlib.get_logger("bot")


class PromptBuilder:
    """The prompt of one exchange, made when its turn has come. `requests` may change until then."""

    def __init__(
        self,
        requests: Sequence[Request],
        *,
        journal: Journal,
        api: DiscordApi,
        attachments: Attachments,
        again: str | None = None,
    ) -> None:
        """`again` is a prompt that was sent before, as `kept` gave it, and is to be sent once more."""
        self.requests = tuple(requests)
        self.again = again
        self.forgotten = False
        """Whether the agent has lost the session in which it knew what was said before."""
        self.unanswered = ""
        """Words about questions of the agent that nobody was there to answer."""
        self._skipped: Sequence[str] = ()
        self._told: set[str] = set()
        """What people know that it is not in the prompt."""
        self._journal = journal
        self._api = api
        self._attachments = attachments
        self._parts: list[Part] = []
        self._made_of: tuple[object, ...] = ()
        """What those parts were made of: as long as it is the same, nothing is fetched again."""

    async def blocks(self, capabilities: PromptCapabilities) -> list[BaseModel]:
        """Return the prompt for an agent that can take this; fetches files, and what was said in the thread before.

        A prompt that is sent once more is what it was, with a word that this is so.
        """
        if self.again is not None:
            self._parts = _KEPT.validate_json(self.again)
            shown = await self._show(self._parts, capabilities)
            return [TextBlock(text=words.INTERRUPTED), *shown]
        while True:
            asked = self.requests
            if self._made_of != (asked, self.unanswered, self.forgotten):
                made_of = asked, self.unanswered, self.forgotten
                self._parts = await self._made([request for request in asked if not request.is_empty])
                self._made_of = made_of
            shown = await self._show(self._parts, capabilities)
            if asked == self.requests:  # Else somebody has edited a message meanwhile.
                return shown

    async def _show(self, parts: Sequence[Part], capabilities: PromptCapabilities) -> list[BaseModel]:
        return await self._attachments.show(parts, capabilities, self.requests[-1].thread_id)

    async def _made(self, requests: Sequence[Request]) -> list[Part]:
        if not requests:
            return []
        requests = [await self._read(request) for request in requests]
        unread = any(quote.missing and quote.message_id for request in requests for quote in request.quotes)
        addresses = AttachmentUrls(api=self._api)
        fetched = await self._attachments.fetch(requests, addresses.fresh)
        recent: list[dict[str, Any]] = []
        if requests[0].joined:
            try:
                recent = await self._recent(requests[0])
            except RestError as error:
                log.warning("a thread cannot be read", thread_id=requests[0].thread_id, reason=str(error))
                fetched.skipped.append("what was said here before: Discord does not give it")
        if unread:
            fetched.skipped.append("the message asked about: it can no longer be read")
        self._skipped = fetched.skipped
        return prompt(
            requests,
            fetched.parts,
            quoted=fetched.quoted,
            unanswered=self.unanswered,
            skipped=fetched.skipped,
            recent=recent,
            earlier=self._earlier(),
        )

    async def _read(self, request: Request) -> Request:
        """Read what Discord does not say with a command: whom it mentions, and the message that it is about."""
        text = request.text
        if request.unnamed:
            people: dict[int, str] = {}
            for user_id in mentioned_in(text)[:NAMED]:
                try:
                    people[user_id] = await self._ask(self._api.display_name, request.guild_id or 0, user_id)
                except RestError as error:
                    log.info("a person cannot be named", user_id=user_id, reason=str(error))
            text = readable(text, names_in(None, people))
        quotes = tuple([await self._quoted(quote) if quote.message_id else quote for quote in request.quotes])
        return replace(request, text=text, quotes=quotes)

    async def _quoted(self, quote: Quote) -> Quote:
        """Read a message that is quoted, with its files; it is missing where that cannot be."""
        try:
            # An outage is waited out: the answer would be another one without it.
            message = await self._api.retrying(
                partial(self._api.message, quote.channel_id, quote.message_id, urgency=Urgency.FIRST)
            )
        except RestError as error:
            log.info("a message cannot be read", message_id=quote.message_id, reason=str(error))
            return replace(quote, missing=True)
        return quote_of(message, self._api.user)

    async def _ask(self, call: Callable[..., Awaitable[T]], *arguments: int, **options: int) -> T:
        """Ask Discord for something that an agent is told. Raises `RestError`."""
        return await self._api.retrying(partial(call, *arguments, urgency=Urgency.FIRST, **options), attempts=ATTEMPTS)

    async def _recent(self, request: Request) -> list[dict[str, Any]]:
        """Read what was said in the thread before the bot came into it, oldest first. Raises `RestError`.

        Its first message is among that however long ago it was: it says what the thread is about.
        """
        messages = await self._ask(self._api.before, request.thread_id, request.message_id, most=RECENT)
        if len(messages) == RECENT:
            first = await self._ask(self._api.first, request.thread_id)
            messages = [*(each for each in first if each.id < messages[0].id), *messages]
        return [said for message in messages if (said := said_in(message)) is not None]

    def _earlier(self) -> list[tuple[str, str]]:
        """Return what was said in a session that is gone, as far as the journal has it."""
        if not self.forgotten:
            return []
        first = self.requests[0]
        earlier = self._journal.messages.earlier(first.thread_id, first.message_id, most=words.EARLIER)
        return [(read_request(request).text, answer) for request, answer in earlier if request]

    def take_skipped(self) -> list[str]:
        """Return, once, what is not in the prompt, for people."""
        new = [skipped for skipped in self._skipped if skipped not in self._told]
        self._told.update(new)
        return new

    def stored_prompt(self) -> str:
        """Return the prompt as it can be sent again: with links to the files, not what they hold."""
        parts = (part.model_dump(mode="json", by_alias=True, exclude_none=True) for part in self._parts)
        return to_json([*parts]).decode()
