"""One reply, from the placeholder to the last page; `Delivery` sends it to Discord."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import TypeVar

import discord
import structlog

from acp import Event, Subagent
from acp.schema import ToolCallUpdate
from bot.config.appearance import Style
from bot.render.page_breaks import pages_of
from bot.render.transcript import Transcript
from bot.render.turn_summary import Receipt
from bot.render.uploads import File, Link, batches
from bot.rest.api import DiscordApi
from bot.text.markdown import LIMIT
from bot.user_messages import notices, outcomes
from pool.journal.journal import Journal
from pool.journal.trailers import FIRST_TRAILER, Trailer

from .delivery import Delivery
from .page_state import PageState

log = structlog.stdlib.get_logger("bot")

T = TypeVar("T")


class Reply:
    """The messages that answer one exchange. `key`, the id of the message that is answered, makes its nonces.

    An error in rendering is not raised: the reply is `broken` then. It keeps what it has shown, says so, and settles
    like any other, because all later replies of its thread wait for that.
    """

    def __init__(
        self,
        key: int,
        *,
        api: DiscordApi,
        journal: Journal,
        generation: int = 0,
        on_settled: Callable[[bool], None],
        on_broken: Callable[[], None] = lambda: None,
        stop: Callable[[], discord.ui.View] | None = None,
        style: Style = Style(),  # noqa: B008 - frozen
    ) -> None:
        """`generation` gives another try at the same message nonces of its own, and so new messages.

        `on_settled` is called once: True when Discord has confirmed all pages, False when they were given up.
        `on_broken` is called when the reply stops showing the turn. `stop` makes the button below the growing page; it
        goes when the reply ends.
        """
        self._key = key
        self._journal = journal
        self._on_settled = on_settled
        self._on_broken = on_broken
        self._transcript = Transcript(style)
        self._delivery = Delivery(key, self, api=api, journal=journal, generation=generation, stop=stop)
        self._after: Reply | None = None
        """The reply that this one waits for."""
        self._followers: list[Callable[[], None]] = []
        """Called when this reply has settled."""
        self._final: list[str] | None = None
        self._placeholder = ""
        self._shown: list[str] = []
        """The pages when they were last rendered."""
        self._said_since = [outcomes.NOT_RENDERED]
        """What follows the pages in a reply that is broken: the bot's own lines."""
        self._above = 0
        """How many pages stand above the last question."""
        self.broken = False
        self.ended = False
        self.settled = asyncio.Event()

    def __repr__(self) -> str:
        """Read like a status line."""
        state = "settled" if self.settled.is_set() else "ended" if self.ended else "live"
        return f"<Reply {self._key} {state}, {self._delivery.posted} posted>"

    # ---- its place

    def follow(self, before: "Reply") -> None:
        """Post only when the reply before it in its thread has settled. Call this before `start`."""
        if not before.settled.is_set():
            self._after = before
            before._followers.append(self._go)  # noqa: SLF001 - the same class

    def adopt(self, message_id: int | None) -> None:
        """Continue in the message that an earlier run of the bot had begun; None: find it by its nonce."""
        self._delivery.restore([PageState.of_earlier_run(message_id, "", "")])

    def name_request(self) -> None:
        """Let Discord show above the first message which message it answers."""
        self._delivery.name_request(self._key)

    @property
    def begun(self) -> bool:
        """Whether a message of it is in the thread."""
        return self._delivery.posted > 0

    @property
    def given_up(self) -> str:
        """Why it was given up, for people; empty where it was not."""
        return self._delivery.given_up

    @property
    def has_place(self) -> bool:
        """Whether its channel is known."""
        return self._delivery.has_place

    def start(self, channel_id: int) -> None:
        """Begin to post into a channel."""
        self._delivery.open(channel_id)
        self._changed()

    def _changed(self) -> None:
        if self._after is None:
            self._delivery.look()

    def delivered(self, *, confirmed: bool) -> None:
        """Settle, once: all pages are confirmed, or given up."""
        if self.settled.is_set():
            return
        self.settled.set()
        self._transcript.close()
        self._delivery.release_questions()
        try:
            self._on_settled(confirmed)
        finally:  # The later replies continue although that may fail.
            for go in self._followers:
                go()

    def _go(self) -> None:
        """Begin to post: the reply before this one has settled."""
        self._after = None
        self._changed()

    def ask(self, post: Callable[[], None]) -> Callable[[], None]:
        """Call `post`, which posts a question, when all that was said before stands; what is said next waits.

        Call what is returned when the question stands, or never will. A question after the end waits for all of the
        reply.
        """
        if self.settled.is_set():
            post()
        elif self.ended:
            self._followers.append(post)
        else:
            stands = self._delivery.hold(self._break_page(), post)
            self._changed()
            return stands
        return lambda: None

    def _break_page(self) -> int:
        """End the open page; return how many pages are above what is said next.

        Without any, the placeholder moves below the question: its button is then the only one that stops the turn.
        """
        above = self._rendered(self._transcript.break_at_question, otherwise=0)
        if self.broken:
            self._shown, self._said_since = self._pages(), []
            above = len(self._shown)
        self._placeholder = notices.UNDER_WAY if self._placeholder and above == 0 else ""
        self._above = above
        return above

    # ---- what it shows

    def placeholder(self, text: str) -> None:
        """Show `text` until the reply has pages."""
        self._placeholder = text
        self._changed()

    def apply(self, event: Event) -> None:
        """Show an event of the turn, or one that came after its end."""
        if self._rendered(lambda: self._transcript.apply(event), otherwise=False):
            self._changed()

    def tool_call(self, update: ToolCallUpdate, subagent: Subagent | None = None) -> ToolCallUpdate:
        """Return all that is known of a tool call, which may be a subagent's."""
        return self._rendered(lambda: self._transcript.tool_call(update, subagent), otherwise=update)

    def line(self, text: str) -> None:
        """Add the bot's own lines."""
        self._rendered(lambda: self._transcript.line(text), otherwise=None)
        if self.broken:
            self._said_since.append(text)
        self._changed()

    def links(self) -> list[Link]:
        """Return the links to files that have not been supplied yet."""
        return self._rendered(self._transcript.wanted, otherwise=[])

    def supply(self, link: Link, found: bytes | str) -> None:
        """Take what a link leads to, see `Transcript.supply`."""
        self._rendered(lambda: self._transcript.supply(link, found), otherwise=None)
        self._changed()

    def _rendered(self, step: Callable[[], T], *, otherwise: T) -> T:
        """Do a step of rendering; where it fails, or an earlier one has failed, return `otherwise`."""
        if not self.broken:
            try:
                return step()
            except Exception:  # the isolation boundary of a reply's text
                log.exception("a reply could not be rendered", message_id=self._key)
                self.broken = True
                self._on_broken()
        return otherwise

    @property
    def too_long(self) -> bool:
        """Whether the agent has written more than a reply takes."""
        return self._transcript.too_long

    @property
    def has_text(self) -> bool:
        """Whether anything of the agent's is shown."""
        return self._transcript.has_text and bool(self._pages())

    def receipt(self, seconds: float, *, cost_before: float | None = 0.0) -> Receipt:
        """Return what the turn came to, see `Transcript.receipt`."""
        receipt = partial(self._transcript.receipt, seconds, cost_before=cost_before)
        return self._rendered(receipt, otherwise=Receipt(seconds))

    @property
    def said(self) -> int:
        """How many characters the agent has said."""
        return self._transcript.said

    @property
    def has_words(self) -> bool:
        """Whether the pages are more than a placeholder."""
        return self._final is not None or self._transcript.has_text

    def pages(self, coming: int = 0) -> list[str]:
        """Return what the thread is to show now; `coming` is as for `Transcript.pages`."""
        if self._final is not None:
            return self._final
        return self._pages(coming) or ([self._placeholder] if self._placeholder else [])

    def _pages(self, coming: int = 0) -> list[str]:
        self._shown = self._rendered(lambda: self._transcript.pages(coming), otherwise=self._shown)
        if not self.broken:
            return self._shown
        *before, last = self._shown or [""]
        word = "\n".join(self._said_since)
        fits = len(self._shown) > self._above and len(last) + 1 + len(word) <= LIMIT
        return [*before, f"{last}\n{word}".strip()] if fits else [*self._shown, *pages_of(word)]

    # ---- its end

    def end(self, closing: Trailer | None = None) -> list[str]:
        """End the reply: the files follow its pages, and `closing` as a message of its own. Return the pages.

        The trailers are written down here; the caller writes the pages down.
        """
        self.ended = True
        self._placeholder = ""
        sent = [Trailer(files=tuple(batch)) for batch in batches(self._rendered(self._files, otherwise=[]))]
        trailers = dict(zip(count(FIRST_TRAILER), [*sent, *([] if closing is None else [closing])], strict=False))
        self._delivery.end(self._journal.trailers.keep(self._key, trailers))
        self._changed()
        return self.pages()

    def _files(self) -> list[File]:
        self._transcript.end()
        return self._transcript.files()

    def give_up(self) -> None:
        """Settle although the pages cannot be posted: their channel never was, or is gone."""
        self.ended = True
        self.delivered(confirmed=False)

    def restore(
        self,
        channel_id: int,
        pages: list[str],
        posted: Sequence[PageState],
        trailers: Mapping[int, Trailer],
        *,
        generation: int = 0,
    ) -> None:
        """Finish what an earlier run of the bot had to post: `pages`, of which it had `posted` these.

        What those messages show is unknown, so each is edited. `trailers` are those that are not sent yet. `generation`
        is that of the messages that are still to be sent.
        """
        self._final = pages
        self.ended = True
        self._delivery.restore(posted, generation)
        self._delivery.end(trailers)
        self.start(channel_id)
