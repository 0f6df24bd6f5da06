"""Builds the prompt of one exchange: the messages, their files, and their context."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json
from yarl import URL

from acp.schema import PromptCapabilities, ResourceLink, TextBlock
from bot.agents.far_files import FarFiles
from bot.rest.api import DiscordApi
from bot.rest.backoff import ATTEMPTS
from bot.rest.calls import Urgency
from bot.rest.errors import RestError
from bot.user_messages import files, to_agents
from pool.journal.journal import Journal

from .attachments import Attachments
from .discord_message import files_of, mentioned_in, names_in, past_message, quote_of, readable
from .earlier import last_exchanges
from .formatting import Part, context_block, prompt
from .request import Attachment, Quote, Request, read_request

RECENT: Final = 30
"""Messages that are read when the bot joins an existing thread, plus its first one."""

EARLIER: Final = 10
"""Exchanges of a lost session that a new one learns."""

NAMED: Final = 10
"""The most people whose names are looked up for one request."""

CONTEXT_ATTEMPTS: Final = 3
"""Tries at reading names and earlier messages."""

_KEPT: TypeAdapter[list[TextBlock | ResourceLink]] = TypeAdapter(list[TextBlock | ResourceLink])

T = TypeVar("T")

log = structlog.stdlib.get_logger("bot")


class PromptBuilder:
    """Builds the prompt of one exchange when its turn comes. `requests` may change until then."""

    def __init__(
        self,
        requests: Sequence[Request],
        *,
        journal: Journal,
        api: DiscordApi,
        attachments: Attachments,
        far_files: Callable[[], FarFiles | None] = lambda: None,
        again: str | None = None,
    ) -> None:
        """`again` is a prompt from an earlier run, as `stored_prompt` returned it, that is sent once more.

        `far_files` returns the thread's files at the place of an agent that is not on this machine.
        """
        self.requests = tuple(requests)
        self.again = again
        self.forgotten = False
        """Whether the agent has lost the session with the earlier conversation."""
        self.begins = False
        """Whether the session is a new one."""
        self.moved = ""
        """Words about another machine, where the earlier session was."""
        self.unanswered = ""
        """Words about the agent's questions that went unanswered."""
        self._skipped: Sequence[str] = ()
        self._told: set[str] = set()
        """Omissions that were already reported."""
        self._journal = journal
        self._api = api
        self._attachments = attachments
        self._far_files = far_files
        self._read_files: dict[tuple[int, int], tuple[Attachment, ...]] = {}
        """The current files of messages, by channel and message: each is read at most once for a prompt."""
        self._parts: list[Part] = []
        self._inputs: tuple[object, ...] = ()
        """The inputs of those parts: while they are unchanged, files are not fetched again."""

    async def blocks(self, capabilities: PromptCapabilities) -> list[BaseModel]:
        """Return the prompt in the form that the agent accepts; fetches files, and the thread's earlier messages.

        A repeated prompt is unchanged, behind a sentence that says so, and before what is new for the agent since then.
        """
        if self.again is not None:
            self._parts = [*_KEPT.validate_json(self.again), *self._new_facts()]
            shown = await self._show(self._parts, capabilities)
            return [TextBlock(text=to_agents.INTERRUPTED), *shown]
        while True:
            asked = self.requests
            if self._inputs != (inputs := (asked, self.unanswered, self.forgotten, self.begins, self.moved)):
                self._parts = await self._build([request for request in asked if not request.is_empty])
                self._inputs = inputs
            shown = await self._show(self._parts, capabilities)
            if asked == self.requests:  # Else a message was edited during this.
                return shown

    def _new_facts(self) -> list[Part]:
        """Return a context block with what a repeated prompt lacks: its session may be another one since then."""
        told = {"unanswered": self.unanswered, "earlier": self.earlier(), "moved": self.moved}
        facts = {name: fact for name, fact in told.items() if fact}
        return [context_block(facts)] if facts else []

    async def _show(self, parts: Sequence[Part], capabilities: PromptCapabilities) -> list[BaseModel]:
        thread_id, far = self.requests[-1].thread_id, self._far_files()
        if far is None:
            return await self._attachments.show(parts, capabilities, thread_id)
        shown, missing = await self._attachments.show_far(parts, capabilities, thread_id, far)
        self._skipped = list(dict.fromkeys([*self._skipped, *missing]))
        return shown

    async def _build(self, requests: Sequence[Request]) -> list[Part]:
        if not requests:
            return []
        requests = [await self._read(request) for request in requests]
        unread = any(quote.missing and quote.message_id for request in requests for quote in request.quotes)
        self._read_files.clear()
        fetched = await self._attachments.fetch(requests, self._fresh_url)
        recent: list[dict[str, Any]] = []
        if requests[0].joined:
            try:
                recent = await self._recent(requests[0])
            except RestError as error:
                log.warning("a thread cannot be read", thread_id=requests[0].thread_id, reason=str(error))
                fetched.skipped.append(files.EARLIER_MESSAGES)
        if unread:
            fetched.skipped.append(files.QUOTED_MESSAGE)
        self._skipped = fetched.skipped
        return prompt(
            requests,
            fetched.parts,
            quoted=fetched.quoted,
            unanswered=self.unanswered,
            skipped=fetched.skipped,
            recent=recent,
            earlier=self.earlier(),
            moved=self.moved,
        )

    async def _read(self, request: Request) -> Request:
        """Look up what Discord omits from a command: the names of mentioned people, and the message it is about."""
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
        """Read a quoted message, with its files; mark the quote as missing where that fails."""
        try:
            # Wait an outage out: without the message, the answer would be a different one.
            message = await self._api.retrying(
                partial(self._api.message, quote.channel_id, quote.message_id, urgency=Urgency.FIRST)
            )
        except RestError as error:
            log.info("a message cannot be read", message_id=quote.message_id, reason=str(error))
            return replace(quote, missing=True)
        return quote_of(message, self._api.user)

    async def _fresh_url(self, attachment: Attachment) -> str | None:
        """Return the current address of a file; None where its message is unreadable or lacks the file.

        Discord's addresses expire after about a day, and the message has new ones.
        """
        place = attachment.channel_id, attachment.message_id
        if place not in self._read_files:
            self._read_files[place] = await self._files_now(*place)
        # The path is permanent; the query has the expiry.
        same = (each.url for each in self._read_files[place] if URL(each.url).path == URL(attachment.url).path)
        return next(same, None)

    async def _files_now(self, channel_id: int, message_id: int) -> tuple[Attachment, ...]:
        if not message_id:
            return ()
        try:
            call = partial(self._api.message, channel_id, message_id, urgency=Urgency.FIRST)
            return files_of(await self._api.retrying(call, attempts=ATTEMPTS))
        except RestError as error:
            log.info("a message's files cannot be looked up", message_id=message_id, reason=str(error))
            return ()

    async def _ask(self, call: Callable[..., Awaitable[T]], *arguments: int, **options: int) -> T:
        """Call Discord, with retries. Raises `RestError`."""
        return await self._api.retrying(
            partial(call, *arguments, urgency=Urgency.FIRST, **options), attempts=CONTEXT_ATTEMPTS
        )

    async def _recent(self, request: Request) -> list[dict[str, Any]]:
        """Read the thread's messages before the bot joined, oldest first. Raises `RestError`.

        The first message is included at any age: it says what the thread is about.
        """
        messages = await self._ask(self._api.before, request.thread_id, request.message_id, most=RECENT)
        if len(messages) == RECENT:
            first = await self._ask(self._api.first, request.thread_id)
            messages = [*(each for each in first if each.id < messages[0].id), *messages]
        return [said for message in messages if (said := past_message(message)) is not None]

    def earlier(self) -> list[dict[str, str]]:
        """Return the last exchanges of a lost session, or of the one that a new session continues, see `forks`."""
        first = self.requests[0]
        continues = self.begins and self._journal.forks.parent(first.thread_id) is not None
        if not (self.forgotten or continues):
            return []
        earlier = self._journal.messages.earlier(first.thread_id, first.message_id, most=EARLIER)
        return last_exchanges([(read_request(request).text, reply) for request, reply in earlier if request])

    def take_skipped(self) -> list[str]:
        """Return, once, the omissions from the prompt, for people."""
        new = [skipped for skipped in self._skipped if skipped not in self._told]
        self._told.update(new)
        return new

    def stored_prompt(self) -> str:
        """Return the prompt in a form that can be sent again: with links to the files, not their content."""
        return _stored(self._parts)

    def stored_with(self, other: "PromptBuilder") -> str:
        """Return the prompt in that form, with another one behind it."""
        return _stored([*self._parts, *other._parts])  # noqa: SLF001 - the same class

    def append(self, other: "PromptBuilder") -> None:
        """Put the prompt of another one behind this, which the agent has already."""
        self._parts = [*self._parts, *other._parts]  # noqa: SLF001 - the same class


def _stored(parts: Sequence[Part]) -> str:
    return to_json([part.model_dump(mode="json", by_alias=True, exclude_none=True) for part in parts]).decode()
