"""Finishes replies that an earlier run of the bot began, without the agent."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

import structlog

from bot.reply.page_state import PageState
from bot.reply.reply import Reply
from bot.rest.api import DiscordApi
from bot.rest.calls import Urgency
from bot.rest.errors import RestError
from bot.rest.stored_message import StoredMessage
from bot.user_messages import outcomes
from pool.journal.journal import Journal
from pool.journal.message_states import MessageRow
from pool.journal.sent_pages import SentPage
from pool.journal.trailers import FIRST_TRAILER, Trailer

GENERATIONS = 0xEFF
"""Generations of a reply's tries. A nonce has no room for more."""

log = structlog.stdlib.get_logger("bot")


class UnfinishedReplies:
    """Finds the messages of a reply that an earlier run has posted, and completes the reply from there."""

    def __init__(self, *, journal: Journal, api: DiscordApi) -> None:
        """Work with the replies of `journal`."""
        self._journal = journal
        self._api = api

    async def finish(self, row: MessageRow, reply: Reply, channel_id: int) -> None:
        """Post all pages that the journal has of a reply, and the trailers after them."""
        posts = self._journal.sent_pages.of(row.message_id)
        trailers = self._journal.trailers.of(row.message_id)
        try:
            found = await self._find_messages(channel_id, row.message_id, posts, trailers)
        except RestError as error:
            log.warning("a thread cannot be read", thread_id=row.thread_id, reason=str(error))
            found = {post.number: post.message_id for post in posts}
        owed = {number: each for number, each in trailers.items() if found.get(number) is None}
        pages = self._journal.messages.pages(row.message_id)
        reply.restore(channel_id, pages, _page_states(posts, found, pages), owed, generation=_generation(posts))

    async def cut_off(self, row: MessageRow, reply: Reply) -> None:
        """Add to a reply that it was cut off, and remove its Stop button.

        A reply without any message is given up: the question about the interrupted turn says the same.
        """
        posts = [post for post in self._journal.sent_pages.of(row.message_id) if post.number < FIRST_TRAILER]
        generation = _generation(posts)
        known = {post.message_id for post in posts if post.message_id is not None}
        try:
            own = await self.own_messages(row.thread_id, after=min(known, default=row.message_id + 1) - 1)
        except RestError as error:
            log.warning("a thread cannot be read", thread_id=row.thread_id, reason=str(error))
            own = []
        found = [_find_draft(post, own, known) for post in posts]
        while found and found[-1] is None:
            found.pop()
        if not found:
            reply.give_up()
            return
        pages = ["" if each is None else each.content for each in found]
        posted = [
            PageState() if each is None else PageState(each.message_id, stop=each.has_buttons, content=each.content)
            for each in found
        ]
        # A page that was begun, and has no message, begins below a question.
        is_below = posts[-1].number >= len(found)
        pages = outcomes.cut_off(pages, below=is_below)
        reply.restore(row.thread_id, pages, posted, {}, generation=generation)

    async def find_message(
        self,
        channel_id: int,
        after: int,
        content: str,
        files: tuple[str, ...] | None = None,
        known: Collection[int | None] = (),
    ) -> int | None:
        """Return the bot's message with this `content`, and these `files` if given. Raises `RestError`."""
        own = await self.own_messages(channel_id, after=after)
        alike = (each for each in own if each.content == content.strip() and (files is None or each.has_files(files)))
        return next((each.message_id for each in alike if each.message_id not in known), None)

    async def own_messages(self, channel_id: int, *, after: int) -> list[StoredMessage]:
        """Read the bot's own messages in a place, with retries. Raises `RestError` on a refusal."""
        read = partial(self._api.own_messages, channel_id, after=after, urgency=Urgency.FINAL)
        return await self._api.retrying(read)

    async def _find_messages(
        self,
        channel_id: int,
        after: int,
        posts: Iterable[SentPage],
        trailers: Mapping[int, Trailer],
    ) -> dict[int, int | None]:
        """Return a reply's messages by number; an unconfirmed one is searched in the thread."""
        found: dict[int, int | None] = {}
        for post in posts:
            message_id = post.message_id
            if message_id is None and (post.content or post.number >= FIRST_TRAILER):
                # A message with files has no text; refused files have been replaced by text.
                owed = None if post.content else trailers.get(post.number)
                files = None if owed is None else tuple(file.name for file in owed.files)
                message_id = await self.find_message(channel_id, after, post.content, files, found.values())
            found[post.number] = message_id
        return found


def _find_draft(post: SentPage, own: Iterable[StoredMessage], known: Collection[int]) -> StoredMessage | None:
    """Return a page's message as it is now; an unconfirmed one is recognized by its text."""
    if post.message_id is not None:
        return next((each for each in own if each.message_id == post.message_id), None)
    alike = (each for each in own if post.content and each.content == post.content.strip())
    return next((each for each in alike if each.message_id not in known), None)


def _generation(posts: Iterable[SentPage]) -> int:
    """Return the generation of what a reply still sends: each try has its own, which its first message gives.

    What may already be on its way keeps the first, by which Discord recognizes it.
    """
    first = 0
    for post in posts:
        if post.message_id is None and (post.content or post.number >= FIRST_TRAILER):
            return 0
        first = first or post.message_id or 0
    return first and 1 + first % GENERATIONS


def _page_states(posts: Iterable[SentPage], found: Mapping[int, int | None], pages: Sequence[str]) -> list[PageState]:
    """Return what is known of the pages' messages. A page was complete before a later message was sent."""
    last = max(found, default=0)
    shown = [page if number < last else "" for number, page in enumerate(pages)]
    begun = [post for post in posts if post.number < FIRST_TRAILER]
    return [
        PageState.of_earlier_run(found[post.number], post.shown, shown[post.number] if post.number < len(shown) else "")
        for post in begun
    ]
