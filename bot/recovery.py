"""After a restart: what was received is answered, what was interrupted is asked about, what was finished is posted.

The journal's open rows are read before the client connects, so that nothing new is among them, and taken up when the
gateway says READY for the first time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import structlog

from pool.journal import Journal, Row, State
from pool.journal import Post as JournaledPost
from pool.pool import Pool
from pool.postscripts import FIRST, Postscript
from pool.questions import OpenQuestion

from . import words
from .buttons import interrupted_view
from .desk import Desk
from .exchange import Exchange
from .pacer import Bucket, Urgency
from .patience import Patience, persist
from .post import Post
from .posted import Posted
from .request import read_request
from .rest import Own, RestError

__all__ = ["CHOICE_SECONDS", "Recovery"]

CHOICE_SECONDS = 600.0
"""How long what waits behind an interrupted turn waits for a person's choice."""

T = TypeVar("T")

log = structlog.stdlib.get_logger("bot")


class Recovery:
    """Takes up what an earlier run of the bot left open. `begin` at each READY; only the first finds something."""

    def __init__(self, *, journal: Journal, pool: Pool, desk: Desk) -> None:
        """Read what is open now."""
        self._journal = journal
        self._pool = pool
        self._desk = desk
        self._rows: dict[int, dict[int, list[Row]]] = {}
        """By thread the open rows, those that were sent together under the id of their last one."""
        self._finished: list[tuple[Row, Exchange]] = []
        self._cut: list[tuple[Row, JournaledPost | None]] = []
        self._drafts: list[tuple[Row, JournaledPost | None]] = []
        self._held: list[tuple[list[Row], int]] = []
        self._questions = journal.questions.standing()
        self._interrupted: dict[int, list[Row]] = {}
        rows = journal.open_rows()
        self._signed = set(journal.signs.standing()) - {row.message_id for row in rows}
        """Messages that have ended, with signs of an earlier run that say otherwise."""
        for row in rows:
            self._rows.setdefault(row.thread_id, {}).setdefault(row.exchange_id, []).append(row)

    def begin(self) -> list[Exchange]:
        """Put everything into its thread's inbox, synchronously, before anything new can come.

        Returns the exchanges whose threads may still have to be opened; `finish` does what takes time. After a later
        READY there is nothing left, and both do nothing.
        """
        signed, self._signed = self._signed, set()
        self._desk.end_signs(signed)
        unopened: list[Exchange] = []
        rows, self._rows = self._rows, {}
        for thread_id, exchanged in rows.items():
            by_state: dict[State, list[list[Row]]] = defaultdict(list)
            for together in exchanged.values():
                by_state[together[-1].state].append(together)
            # Before anything else begins here, for a reply waits for those that lined up before it.
            ended = self._ended([*by_state[State.FINISHED], *by_state[State.CLOSED]])
            unopened += [exchange for _, exchange in ended if not exchange.is_open]
            self._finished += ended
            self._cut += [(together[-1], self._draft(together[-1])) for together in by_state[State.PROMPTED]]
            self._interrupted.update({together[-1].message_id: together for together in by_state[State.PROMPTED]})
            waiting = [*by_state[State.HELD], *by_state[State.RECEIVED]]
            exchanges = [exchange for together in waiting if (exchange := self._wait_on(together)) is not None]
            unopened += [exchange for exchange in exchanges if not exchange.is_open]
            interrupted = bool(by_state[State.PROMPTED])
            held = interrupted or bool(by_state[State.HELD])
            seconds = CHOICE_SECONDS if interrupted and not by_state[State.HELD] else None
            if exchanges:
                self._pool.restore(thread_id, exchanges, held=held, seconds=seconds)
            if by_state[State.HELD]:
                self._held.append((by_state[State.HELD][0], len(exchanges)))
        return unopened

    async def finish(self) -> None:
        """Post what was finished, ask about what was cut off, and end the questions that an earlier run left."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_each(self._questions, self._close), name="old questions")
            tasks.create_task(_each(self._cut, self._ask), name="interrupted")
            tasks.create_task(_each(self._drafts, self._end_draft), name="drafts")
            tasks.create_task(_each(self._held, self._tell_held), name="held")
            tasks.create_task(_each(self._finished, self._post), name="finished")

    def _wait_on(self, together: Sequence[Row]) -> Exchange | None:
        """Make the exchange of rows that wait; what says already in the thread that they wait is taken up."""
        row, draft = together[-1], self._draft(together[-1])
        exchange = self._exchange(together, again=row.prompt)
        if row.prompt is not None:  # Another try has messages of its own.
            self._drafts.append((row, draft))
        elif exchange is not None and draft is not None:
            exchange.reply.adopt(draft.message_id)
        return exchange

    def _draft(self, row: Row) -> JournaledPost | None:
        """Return the message with which a row's reply began. What is begun from now on takes its place."""
        return next(iter(self._journal.posts.of(row.message_id)), None)

    def _ended(self, rows: Iterable[list[Row]]) -> list[tuple[Row, Exchange]]:
        """Make the exchanges of rows that only have to be posted, and line them up, oldest first."""
        ended: list[tuple[Row, Exchange]] = []
        for together in sorted(rows, key=lambda together: together[-1].message_id):
            exchange = self._exchange(together)
            if exchange is not None:
                self._desk.line_up(exchange)
                ended.append((together[-1], exchange))
        return ended

    def _exchange(self, together: Sequence[Row], *, again: str | None = None) -> Exchange | None:
        """Make the exchange of rows anew; one that cannot be read is closed, and the log says so."""
        row = together[-1]
        message_ids = tuple(each.message_id for each in together)
        try:
            *before, request = (read_request(each.request) for each in together)
        except ValueError as error:
            log.warning("a request in the journal cannot be read", message_id=row.message_id, reason=str(error))
            if row.state is State.CLOSED:
                self._journal.told(message_ids)
            else:
                self._journal.close_rows(message_ids, "unreadable")
            return None
        exchange = self._desk.exchange(request, before=before, again=again)
        # A prompt is sent only once its thread is open.
        if request.thread_id == request.channel_id or row.state in {State.PROMPTED, State.FINISHED}:
            exchange.opened(request.thread_id)
        return exchange

    # ---- interrupted

    async def _ask(self, cut: tuple[Row, JournaledPost | None]) -> None:
        """Ask what to do about a turn that a restart interrupted, for the agent may have acted; see to its draft."""
        row, draft = cut
        text = words.interrupted(row.author_id, self._link(row))
        standing = await self._standing(row.thread_id, row.message_id)
        if text not in standing.values():
            self._post_of(row.thread_id, f"cut.{row.message_id}").show(text, lambda: interrupted_view(row.message_id))
        self._cut_off(row, draft, standing)

    async def _end_draft(self, left: tuple[Row, JournaledPost | None]) -> None:
        """See to the draft of a first try, where a second one waits."""
        row, draft = left
        if draft is not None and draft.content.startswith(words.AT_WORK):
            self._cut_off(row, draft, await self._standing(row.thread_id, row.message_id))

    def _cut_off(self, row: Row, draft: JournaledPost | None, standing: Mapping[int, str]) -> None:
        """Let a draft that still says only that the agent is at work say that it is not; one with text stays."""
        if draft is None:
            return
        for message_id, said in standing.items():
            is_draft = said == draft.content if draft.message_id is None else message_id == draft.message_id
            if is_draft and said.startswith(words.AT_WORK):
                self._post_of(row.thread_id, "", message_id).show(words.CUT)

    async def _tell_held(self, held: tuple[list[Row], int]) -> None:
        """Say that messages wait for a person, unless that stands in the thread."""
        (first, *_), count = held
        if words.held(count) not in (await self._standing(first.thread_id, first.message_id)).values():
            self._desk.tell_held(first.thread_id, count)

    async def _standing(self, thread_id: int, after: int) -> dict[int, str]:
        """Return the bot's own messages in a thread; none where it cannot be read."""
        try:
            own = await self._own_messages(thread_id, after=after)
        except RestError as error:
            log.warning("a thread cannot be read", thread_id=thread_id, reason=str(error))
            return {}
        return {each.message_id: each.content for each in own}

    def _post_of(self, thread_id: int, nonce: str, message_id: int | None = None) -> Post:
        return Post(thread_id, pacer=self._desk.pacer, rest=self._desk.rest, nonce=nonce, message_id=message_id)

    def _link(self, row: Row) -> str:
        """Return the address of a row's message. The one that a thread was opened on stands in the channel above."""
        guild_id, channel_id = self._journal.threads.place(row.thread_id) or (None, row.thread_id)
        place = channel_id if row.message_id == row.thread_id else row.thread_id
        return words.link(guild_id, place, row.message_id)

    def is_undecided(self, message_id: int) -> bool:
        """Whether a restart has interrupted the turn that answers a message, and nobody has chosen yet."""
        return message_id in self._interrupted and self._journal.state(message_id) is State.PROMPTED

    def decide(self, thread_id: int, message_id: int, *, retry: bool) -> str:
        """Carry out a person's choice; return what is to be said of it. Raises `Unwritable`: nothing was done."""
        together = self._interrupted.get(message_id, ())
        if not together or together[-1].thread_id != thread_id or self._journal.state(message_id) is not State.PROMPTED:
            return "This was decided before."
        message_ids = [row.message_id for row in together]
        if retry:
            exchange = self._exchange(together, again=together[-1].prompt)
            if exchange is None:
                return "The request can no longer be read."
            self._journal.mark(message_ids, State.RECEIVED)
            del self._interrupted[message_id]
            self._pool.go_first(thread_id, exchange)
            return "Sent again."
        del self._interrupted[message_id]
        self._journal.close_rows(message_ids, "skipped")
        self._desk.end_signs(message_ids)
        conversation = self._pool.conversation(thread_id)
        if conversation is not None:
            conversation.resume()
        return "Skipped."

    # ---- finished

    async def _post(self, finished: tuple[Row, Exchange]) -> None:
        """Bring a reply to its end without the agent."""
        row, exchange = finished
        channel_id = await exchange.place()
        posts = self._journal.posts.of(row.message_id)
        postscripts = self._journal.postscripts.of(row.message_id)
        try:
            found = await self._find(channel_id, row.message_id, posts, postscripts)
        except RestError as error:
            log.warning("a thread cannot be read", thread_id=row.thread_id, reason=str(error))
            found = {post.number: post.message_id for post in posts}
        owed = {number: each for number, each in postscripts.items() if found.get(number) is None}
        pages = self._journal.pages(row.message_id)
        exchange.restore(pages, _posted(posts, found, pages), owed, row.reason)

    async def _find(
        self,
        channel_id: int,
        after: int,
        posts: Iterable[JournaledPost],
        postscripts: Mapping[int, Postscript],
    ) -> dict[int, int | None]:
        """Return a reply's messages by number; one whose sending was not confirmed is looked for in the thread."""
        found: dict[int, int | None] = {}
        for post in posts:
            message_id = post.message_id
            if message_id is None and (post.content or post.number >= FIRST):
                # Files have no words; those that were refused have been replaced by some.
                owed = None if post.content else postscripts.get(post.number)
                files = None if owed is None else tuple(file.name for file in owed.files)
                message_id = await self._look_for(channel_id, after, post.content, files, found.values())
            found[post.number] = message_id
        return found

    async def _look_for(
        self,
        thread_id: int,
        after: int,
        content: str,
        files: tuple[str, ...] | None = None,
        known: Collection[int | None] = (),
    ) -> int | None:
        """Return the bot's message in a thread that says `content`, and brings `files` where given, if there is one."""
        own = await self._own_messages(thread_id, after=after)
        alike = (each for each in own if each.content == content.strip() and files in (None, each.files))
        return next((each.message_id for each in alike if each.message_id not in known), None)

    async def _own_messages(self, thread_id: int, *, after: int) -> list[Own]:
        """Read the bot's own messages in a thread, as often as it takes. Raises `RestError` where that is refused."""
        return await persist(
            lambda: self._desk.rest.own_messages(thread_id, after=after),
            pacer=self._desk.pacer,
            urgency=Urgency.FINAL,
            patience=Patience(),
        )

    async def _close(self, question: OpenQuestion) -> None:
        """Take the buttons off a question of an earlier run."""
        thread_id, message_id = question.thread_id, question.message_id
        became = words.became(self._journal.state(question.exchange_id))
        text = words.with_line(question.content, became)
        try:
            if message_id is None:
                message_id = await self._look_for(thread_id, question.exchange_id, question.content)
            if message_id is not None:
                await self._desk.pacer.admit(thread_id, Urgency.NOTICE, Bucket.EDIT)
                await self._desk.rest.edit(thread_id, message_id, text, drop_view=True)
        except RestError as error:
            log.info("an old question could not be closed", message_id=message_id, reason=str(error))
        self._journal.questions.settled(question.token)


def _posted(posts: Iterable[JournaledPost], found: Mapping[int, int | None], pages: Sequence[str]) -> list[Posted]:
    """Return what is known of the messages of pages. A page was shown to its end before anything behind it was sent."""
    last = max(found, default=0)
    shown = [page if number < last else "" for number, page in enumerate(pages)]
    begun = [post for post in posts if post.number < FIRST]
    return [
        Posted.of_earlier_run(found[post.number], post.shown, shown[post.number] if post.number < len(shown) else "")
        for post in begun
    ]


async def _each(items: list[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Do `work` for all at once: one that takes long holds up no other.

    Nothing is left to a READY that comes meanwhile; what is cut off stays for the next one.
    """
    left = dict(enumerate(items))
    items.clear()

    async def do(number: int) -> None:
        await work(left[number])
        del left[number]

    try:
        async with asyncio.TaskGroup() as tasks:
            for number in [*left]:
                tasks.create_task(do(number), name="recovery")
    finally:
        items.extend(left.values())
