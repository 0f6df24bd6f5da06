"""A mixture of what people and Discord do to a reply: all words are there once, in order, except deleted ones."""

import random
import re
from pathlib import Path
from typing import Any

import pytest

from acp import Text
from acp.schema import parse_update
from bot.config.appearance import Style
from bot.reply.page_state import OLD_SECONDS
from bot.reply.reply import Reply
from bot.rest.errors import PermanentError, TryLater
from bot.rest.message_files import Files
from bot.rest.stored_message import StoredMessage
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from pool.journal.trailers import Trailer
from tests.bot.fake_discord import AnswerLost, FakeDiscord, accepted, pacing, scratch_journal, settle
from tests.bot.restarted_bot import THREAD, left, restarted
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

KEY = 100

READ = {"sessionUpdate": "tool_call", "title": "Look", "kind": "read", "status": "completed"}


class Thread(FakeDiscord):
    """A board whose messages a person deletes, and which may refuse files."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: dict[int, str] = {}
        self.takes_files = True

    async def send(self, channel_id: int, content: str, *, files: Files = (), **rest: Any) -> StoredMessage:
        if files and not self.takes_files:
            raise PermanentError("Request entity too large")
        try:
            return await super().send(channel_id, content, files=files, **rest)
        except KeyError as error:  # Its nonce is that of a message that was deleted.
            return StoredMessage(error.args[0], self.deleted[error.args[0]])

    def lose(self, message_id: int) -> None:
        """Let a person delete a message."""
        self.deleted[message_id] = said(self, message_id)
        del self.messages[message_id]


def said(board: FakeDiscord, message_id: int) -> str:
    """What a message says, files included."""
    message = board.messages[message_id]
    return message.content + "".join(data.decode() for _, data in message.files)


class Storm:
    """One reply and what happens to it, made from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.board = Thread()
        self.count = 0
        self.style = Style(max_pages=0, long_code_lines=200)
        self.pauses = [0, 0, 0.05, 0.2, 1.3, 3, 8, 8, 8]
        if self.chance.random() < 0.5:  # A change inside an old message would be shown a second time.
            self.pauses.append(OLD_SECONDS)
        else:
            self.style = Style(max_pages=self.chance.choice([4, 5]), long_code_lines=self.chance.choice([200, 10]))

    def words(self, count: int, end: str) -> str:
        """Return `count` words that occur in no other text."""
        self.count += count
        return "".join(f"w{number:05d}{end}" for number in range(self.count - count + 1, self.count + 1))

    def text(self) -> str:
        """Return what the agent says next."""
        match self.chance.randrange(7):
            case 0:
                return f"\n```py\n{self.words(self.chance.randint(1, 30), ' = 1' + chr(10))}```\n"
            case 1:
                return "\n\n"
            case _:
                return self.words(self.chance.randint(1, 120), " ")

    async def blow(self) -> None:
        """Let something happen, perhaps; then let time pass."""
        match self.chance.randrange(10):
            case 0 if self.board.messages:
                self.board.lose(self.chance.choice([*self.board.messages]))
            case 1:
                self.board.archived = True
            case 2 | 3 if len(self.board.faults) < 5:  # After twelve in a row it would give up.
                faults = [TryLater("503"), AnswerLost("reset"), None]
                self.board.faults.extend(self.chance.choice(faults) for _ in range(3))
        await elapse(self.chance.choice(self.pauses))

    def problems(self) -> list[str]:
        """Compare the thread with what was said."""
        stands = [said(self.board, number) for number in sorted(self.board.messages)]
        shown = re.findall(r"w\d{5}", "\n".join(stands))
        gone = {word for text in self.board.deleted.values() for word in re.findall(r"w\d{5}", text)}
        missing = {f"w{number:05d}" for number in range(1, self.count + 1)} - gone - {*shown}
        ends = [text for text in (*stands, *self.board.deleted.values()) if "done" in text]
        found = {
            "twice": len(shown) != len({*shown}),
            "out of order": not any(each.files for each in self.board.messages.values()) and shown != sorted(shown),
            "missing": bool(missing) and self.board.takes_files,
            "half a code block": any(text.count("```") % 2 for text in self.board.shown),
            "no end, or two": len(ends) != 1,
            "two writes at once": bool(self.board.overlaps),
        }
        return [problem for problem, is_so in found.items() if is_so]

    def reply(self, journal: Journal, told: list[bool]) -> Reply:
        """Begin to answer."""
        reply = Reply(KEY, api=self.board, journal=journal, on_settled=told.append, style=self.style)
        reply.placeholder("-# ⏳ working")
        reply.start(THREAD)
        return reply

    async def answer(self, reply: Reply) -> list[str]:
        """Let the agent say all that it says; return the pages."""
        for number in range(self.chance.randint(5, 60)):
            reply.apply(Text(self.text()))
            if self.chance.random() < 0.1:
                reply.apply(parse_update({**READ, "toolCallId": str(number)}))
            await self.blow()
        self.board.takes_files = self.chance.random() < 0.8
        return reply.end(Trailer("<@42> done", mention=42))


@pytest.mark.parametrize("seeds", [range(at, at + 20) for at in range(0, 60, 20)], ids=lambda each: each[0])
async def test_whatever_happens_to_its_messages_a_reply_is_there_once_and_in_order(seeds: range) -> None:
    """Messages deleted by a person, threads archived, answers lost, messages grown old, pages full, files refused."""
    for seed in seeds:
        storm, told = Storm(seed), list[bool]()
        with scratch_journal() as journal:
            async with pacing(storm.board):
                accepted(journal, KEY, thread_id=THREAD)
                reply = storm.reply(journal, told)
                await storm.answer(reply)
                for _ in range(storm.chance.randrange(4)):
                    await storm.blow()
                await reply.settled.wait()
                await settle()
        assert (seed, storm.problems(), told) == (seed, [], [True])


@pytest.mark.parametrize("seeds", [range(at, at + 20) for at in range(0, 40, 20)], ids=lambda each: each[0])
async def test_a_reply_whose_messages_were_left_is_brought_to_its_end_by_the_next_run(
    tmp_path: Path, seeds: range
) -> None:
    """The bot is killed some time after the turn's end: what other messages have shown is not shown again."""
    for seed in seeds:
        storm = Storm(seed)
        with Journal.open(tmp_path / str(seed) / "journal.db") as journal:
            left(journal, KEY, MessageState.PROMPTED)
            async with pacing(storm.board):
                reply = storm.reply(journal, [])
                journal.messages.finish((KEY,), "end_turn", await storm.answer(reply))
                await elapse(storm.chance.choice([0, 0.1, 0.3, 1, 3]))
            async with restarted(journal, tmp_path / str(seed), board=storm.board) as it:
                await it.recovered()
                await elapse(120)
                assert (seed, storm.problems(), it.state(KEY)) == (seed, [], MessageState.ANSWERED)


async def test_a_message_whose_answer_was_lost_is_sent_again_as_it_was_written_down() -> None:
    """The next run knows it only by its text; newer text follows by an edit."""
    storm, told = Storm(0), list[bool]()
    with scratch_journal() as journal:
        async with pacing(storm.board):
            accepted(journal, KEY, thread_id=THREAD)
            storm.board.faults.extend([TryLater("503"), AnswerLost("reset")])
            reply = storm.reply(journal, told)
            reply.apply(Text("one"))
            await elapse(0.2)
            (post,) = journal.sent_pages.of(KEY)
            reply.apply(Text(" two"))
            await settle()
            pages = reply.end()
            await reply.settled.wait()
    assert [call.content for call in storm.board.calls if call.what == "send"] == [post.content] * 3
    assert (storm.board.shown, told) == (pages, [True])


async def test_text_that_has_moved_to_the_next_page_is_only_there() -> None:
    """Two messages had shown a page to its end before it was known that it is cut sooner (P12)."""
    for is_deleted in (True, False):
        storm, told = Storm(0), list[bool]()
        with scratch_journal() as journal:
            async with pacing(storm.board):
                accepted(journal, KEY, thread_id=THREAD)
                reply = storm.reply(journal, told)
                reply.apply(Text(storm.words(180, " ") + "\n\n" + storm.words(20, " ")))
                await settle()
                if is_deleted:
                    storm.board.lose(1)
                else:
                    await elapse(OLD_SECONDS)
                reply.apply(Text(storm.words(40, " ")))
                await settle()
                assert len(storm.board.messages) == 1 + (not is_deleted)
                reply.apply(Text(storm.words(100, " ")))
                pages = reply.end(Trailer("<@42> done", mention=42))
                await reply.settled.wait()
        assert len(pages) == 2
        assert storm.board.shown[:-1] == pages[is_deleted:]
        assert (storm.problems(), told) == ([], [True])
