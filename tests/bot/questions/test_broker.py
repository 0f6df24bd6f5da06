"""The questions of one turn: decided, asked, repeated when they change, numbered, with reminders, closed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from acp import Accept, Decline, Elicitation, Place, Question, Session, Subagent, Turn
from acp.schema import ToolCallUpdate
from bot.access.approvers import approver_mentions
from bot.access.gate import People
from bot.config.values import Permission
from bot.interactions.cards import MOST_PAGES, MOST_UNANSWERED, Cards, QuestionOrigin, post_immediately
from bot.questions.broker import LONGEST_FORM, MOST_CHANGES, MOST_LINES, MOST_OPEN, QuestionBroker
from bot.questions.description_size import CODED
from bot.questions.elicitation import MOST_DRAFTS, FormCard, PageCard
from bot.questions.form_schema import MOST_FIELDS
from bot.questions.permission import MOST_EQUAL, PermissionCard
from bot.questions.tool_description import MOST_PARTS, Description, describe
from bot.rest.errors import PermanentError
from bot.rest.mentions import MOST, Mentions
from bot.text.markdown import LIMIT, escape
from bot.text.sizes import MAX_FILE_BYTES
from bot.user_messages import questions, subagents
from pool.journal.command_rules import CommandRule
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from pool.journal.questions import OpenQuestion
from tests.acp.opened import HELLO, opened
from tests.bot.access.test_gate import ASKER, EVERYONE, NO_MENTIONS, ONLY_ADA, ONLY_OWNER, ONLY_ROLE, ROLE, users
from tests.bot.fake_discord import AnswerLost, FakeDiscord, Message, accepted, pacing, scratch_journal, settle
from tests.support.memory_agent import OPTIONS, Json, MemoryAgent
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

THREAD, ASKED_BY, ADA = 7, 70, 42
HIDDEN = "the address of its page cannot be shown"
LEADS = "the address of its page hides where it leads"
HEAVY = "`" * 170 + "x" * 5_000
"""The beginning grows by a half of its backticks where it is shown."""
ALMOST = ["x" * (MAX_FILE_BYTES - 500_000), [[1]] * 14_000]
"""Its values, each on a line of its own, make it more than can be shown; its text alone does not."""


@dataclass
class Asking:
    """A turn whose agent asks, and its thread."""

    peer: MemoryAgent
    session: Session
    turn: Turn
    questions: QuestionBroker
    cards: Cards
    board: FakeDiscord
    journal: Journal
    lines: list[str] = field(default_factory=list)

    async def ask(
        self,
        tool_call: Json,
        options: tuple[Json, ...] = OPTIONS,
        request_id: int = -1,
        subagent: Subagent | None = None,
    ) -> Question:
        """Ask as the agent, or for a subagent, and handle it as an exchange does."""
        self.peer.ask(self.session.session_id, {"toolCallId": "c", **tool_call}, options, request_id)
        question = await anext(self.turn)
        assert isinstance(question, Question)
        question = replace(question, subagent=subagent)
        self.questions.ask(question, question.tool_call)
        await settle()
        return question

    async def change(self, **fields: object) -> None:
        """Send an update of a call as the agent."""
        self.questions.changed(ToolCallUpdate.model_validate({"toolCallId": "c", **fields}))
        await settle()

    @property
    def messages(self) -> list[Message]:
        return [message for _, message in sorted(self.board.messages.items())]

    @property
    def open(self) -> list[PermissionCard]:
        """Return the open cards, oldest first."""
        tokens = [question.token for question in self.journal.questions.all()]
        cards = [self.cards.find(token) for token in tokens]
        return [card for card in cards if isinstance(card, PermissionCard)]

    def answered(self) -> list[Json]:
        """Return the agent's answers."""
        return [each["result"]["outcome"] for each in self.peer.received if "outcome" in each.get("result", {})]


@asynccontextmanager
async def asking(
    permission: Permission = "ask",
    *,
    place: Callable[[int, Callable[[], None]], Callable[[], None]] = post_immediately,
    machine: Place | None = None,
    directories: Sequence[Path] = (),
) -> AsyncIterator[Asking]:
    """Begin a turn of an agent on a machine, this one by default."""
    board = FakeDiscord()
    lines: list[str] = []
    with scratch_journal() as journal:
        accepted(journal, ASKED_BY)
        async with pacing(board), opened() as (peer, _, session), session.prompt(HELLO) as turn:
            await peer.expect("session/prompt")
            cards = Cards(journal=journal, api=board, permission=lambda _: permission, place=place)
            questions = QuestionBroker(
                cards,
                turn,
                QuestionOrigin(THREAD, ASKED_BY, ADA),
                directories=directories or session.directories,
                place=machine,
                tell=lines.append,
            )
            yield Asking(peer, session, turn, questions, cards, board, journal, lines)


async def test_the_journal_has_the_text_with_which_a_question_was_posted() -> None:
    """The next run finds an unconfirmed message by it; the text may change while the question waits."""
    behind: list[Callable[[], None]] = []

    def place(_exchange_id: int, post: Callable[[], None]) -> Callable[[], None]:
        behind.append(post)
        return lambda: None

    async with asking(place=place) as it:
        await it.ask({"title": "Run"}, request_id=-1)
        await it.ask({"title": "Look"}, request_id=-2)
        assert it.journal.questions.all() == []  # There is no message to look for.
        it.board.faults.extend([AnswerLost("reset")] * 2)
        it.board.latency = 1.0
        for post in behind:
            post()
        await elapse(1.5)
        kept = it.journal.questions.all()
        assert [each.message_id for each in kept] == [None, None]
        assert sorted(each.content for each in kept) == it.board.shown
        await settle()
        assert {each.message_id for each in it.journal.questions.all()} == it.board.messages.keys()


# ---- the configuration


async def test_a_question_that_the_configuration_decides_gets_no_card() -> None:
    """An approval is silent, a denial has a line; other questions are asked, with the reason."""
    async with asking("allow_reads") as it:
        await it.ask({"title": "Read", "kind": "read", "locations": [{"path": "/srv/project/a"}]})
        assert it.answered() == [{"outcome": "selected", "optionId": "yes"}]
        assert (it.messages, it.lines) == ([], [])
        await it.ask({"title": "Run", "kind": "execute"})
        assert "only reading and searching are allowed without asking" in it.messages[0].content
    async with asking("deny") as it:
        await it.ask({"title": "Run *it*"})
        assert it.answered() == [{"outcome": "selected", "optionId": "no"}]
        assert it.lines == [r"-# 🚫 Rejected, as configured: Run \*it\*"]
        await it.ask({"title": "Run"}, OPTIONS[:1])
        assert it.answered()[1:] == [{"outcome": "cancelled"}]


async def test_a_question_that_cannot_be_shown_in_full_is_rejected() -> None:
    """People would not know what they allow (P51)."""
    async with asking() as it:
        await it.ask({"title": "Run", "rawInput": "x" * (MAX_FILE_BYTES + 1)})
        assert it.answered() == [{"outcome": "selected", "optionId": "no"}]
        assert it.lines == ["-# 🚫 Rejected, too large to show in Discord: Run"]
        await it.ask({"title": "Look", "rawInput": ALMOST})
        assert it.lines[1:] == ["-# 🚫 Rejected, too large to show in Discord: Look"]
        assert it.messages == []


async def test_a_question_about_too_many_changes_is_rejected() -> None:
    """To compare thousands of files takes long, and people would not see those that are beyond the bound of a list."""
    change = {"type": "diff", "path": "/a", "oldText": "a", "newText": "b"}
    async with asking() as it:
        await it.ask({"title": "Edit", "content": [change] * MOST_PARTS})
        assert len(it.messages) == 1
        await it.ask({"title": "Edit", "content": [change] * (MOST_PARTS + 1)})
        assert it.answered() == [{"outcome": "selected", "optionId": "no"}]
        assert it.lines == ["-# 🚫 Rejected, too large to show in Discord: Edit"]
        assert len(it.messages) == 1


async def test_a_question_that_grows_too_large_is_rejected() -> None:
    """Its card is closed, and the agent answered."""
    async with asking() as it:
        await it.ask({"title": "Run", "rawInput": "ls"})
        await it.change(rawInput=ALMOST)
        assert it.answered() == [{"outcome": "selected", "optionId": "no"}]
        assert it.messages[0].content == "-# closed: the agent changed its request · Run"
        assert it.lines == ["-# 🚫 Rejected, too large to show in Discord: Run"]


@pytest.mark.parametrize(("size", "shown"), [(MAX_FILE_BYTES // CODED - 1, True), (MAX_FILE_BYTES // CODED, False)])
async def test_a_question_that_takes_long_to_escape_is_rejected(size: int, shown: bool) -> None:  # noqa: FBT001
    """With one invisible character each one is checked, and most escapes have eight characters."""
    async with asking() as it:
        await it.ask({"title": "Run", "rawInput": "x" * size + "\u200b"})
        assert bool(it.messages) is shown
        assert it.lines == ([] if shown else ["-# 🚫 Rejected, too large to show in Discord: Run"])


# ---- a question that changes


async def test_a_command_that_changes_after_the_card_was_shown_is_asked_again() -> None:
    """The old card accepts no answer; the new card shows the changed command (P51)."""
    async with asking() as it:
        question = await it.ask({"title": "Run", "rawInput": {"command": "ls"}})
        (old,) = it.open
        await it.change(rawInput={"command": "rm -rf /"})
        (new,) = it.open
        assert it.cards.find(old.token) is None
        assert new.token != old.token
        first, second = it.messages
        assert (first.buttons, len(second.buttons)) == ([], len(OPTIONS) + 2)
        assert first.content == "-# closed: the agent changed its request · `ls`"
        assert "run `rm -rf /`" in second.content
        assert "The agent changed its request. This is the new one." in second.content
        assert second.mention == Mentions((ADA,))
        assert it.answered() == []
        assert new.answer("0", ADA) is not None
        assert (await it.peer.answer_to(question.request_id))["result"]["outcome"]["optionId"] == "yes"


async def test_an_update_without_changes_leaves_the_card_alone() -> None:
    """That is a status, an output, the same input again, another call, or an answered call."""
    async with asking() as it:
        await it.ask({"title": "Run", "rawInput": {"command": "ls"}})
        await it.change(status="in_progress")
        await it.change(rawOutput={"x": 1})
        await it.change(title="Run", rawInput={"command": "ls"})
        it.questions.changed(ToolCallUpdate(tool_call_id="another", title="Other"))
        assert len(it.messages) == 1
        (card,) = it.open
        assert card.answer("0", ADA) is not None
        await it.change(rawInput={"command": "rm"})
        assert len(it.messages) == 1


async def test_an_agent_that_keeps_changing_its_mind_is_rejected() -> None:
    """Each card pings a person, so their number is bounded."""
    async with asking() as it:
        await it.ask({"title": "Run", "rawInput": "0"})
        for number in range(1, MOST_CHANGES + 2):
            await it.change(rawInput=str(number))
        assert len(it.messages) == 1 + MOST_CHANGES
        assert it.answered() == [{"outcome": "selected", "optionId": "no"}]
        assert it.lines == ["-# 🚫 Rejected, the agent keeps changing its request: Run"]
        assert it.open == []


async def test_a_large_question_is_described_only_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update that repeats a part costs no description; one that only adds spaces is a change."""
    described: list[ToolCallUpdate] = []

    def counting(call: ToolCallUpdate, directory: str, more: Iterable[str]) -> Description:
        described.append(call)
        return describe(call, directory, more)

    monkeypatch.setattr("bot.questions.permission.describe", counting)
    async with asking() as it:
        await it.ask({"title": "Run", "rawInput": "x" * 100_000})
        for _ in range(60):
            await it.change(title="Run", kind=None)
            await it.change(rawInput="x" * 100_000)
        assert len(described) == 1
        for number in range(60):
            await it.change(title="Run" + " " * (number + 1))
        assert len(described) == 1 + MOST_CHANGES
        assert it.lines == ["-# 🚫 Rejected, the agent keeps changing its request: Run"]


async def test_a_card_answers_no_other_question_of_the_same_id() -> None:
    """An agent that uses an id twice asks two questions (P51)."""
    async with asking() as it:
        await it.ask({"title": "Look", "rawInput": "ls"}, request_id=5)
        (old,) = it.open
        await it.ask({"title": "Destroy", "rawInput": "rm"}, request_id=5)
        (new,) = it.open
        assert it.cards.find(old.token) is None
        assert new.title == "Destroy"
        assert it.messages[0].content == "-# closed: the agent asked something else · Look"
        assert it.answered() == [{"outcome": "cancelled"}]


# ---- several at once


async def test_several_open_questions_are_numbered() -> None:
    """A single question has no number; the first gets one with the second."""
    async with asking() as it:
        await it.ask({"title": "One"})
        assert "**1.**" not in it.messages[0].content
        await it.ask({"title": "Two", "toolCallId": "d"})
        await it.ask({"title": "Three", "toolCallId": "e"})
        assert [message.content.split("**Permission needed**")[0] for message in it.messages] == [
            f"<@{ADA}> **{number}.** " for number in (1, 2, 3)
        ]
        for card in it.open:
            assert card.answer("0", ADA) is not None
        await it.ask({"title": "Four"})
        assert it.messages[3].content.startswith(f"<@{ADA}> **Permission needed** · Four")


async def test_a_flood_of_questions_is_bounded() -> None:
    """Further questions are rejected immediately, and the reply has a bounded number of lines about them."""
    async with asking() as it:
        for number in range(MOST_OPEN + 2 * MOST_LINES):
            it.peer.ask(it.session.session_id, {"toolCallId": f"c{number}", "title": f"Run {number}"})
            question = await anext(it.turn)
            assert isinstance(question, Question)
            it.questions.ask(question, question.tool_call)
        assert len(it.cards) == MOST_OPEN
        assert len(it.answered()) == 2 * MOST_LINES
        assert it.lines[0] == f"-# 🚫 Rejected, too many questions are open: Run {MOST_OPEN}"
        assert it.lines[MOST_LINES - 1 :] == ["-# 🚫 Further rejections are not listed."]
        it.questions.elicit(Elicitation("e", "form", "Who?", {}))
        assert len(it.cards) == MOST_OPEN


async def test_questions_that_are_taken_back_before_they_are_posted_are_bounded_too() -> None:
    """While Discord takes no message, an agent that asks and withdraws in turns fills no memory with cards."""
    async with asking() as it:
        it.board.held = asyncio.Event()
        for number in range(3 * MOST_OPEN):
            await it.ask({"title": f"Run {number}"}, request_id=number)
            it.questions.close("withdrawn", number)
        assert sum("too many questions" in line for line in it.lines) == 2 * MOST_OPEN
        it.board.held.set()
        await settle()
        assert len(it.board.shown) == MOST_OPEN
        await it.ask({"title": "Look"}, request_id=999)
        await settle()
        assert len(it.board.shown) == MOST_OPEN + 1


async def test_equal_questions_share_a_card_and_its_answer() -> None:
    """The card counts them. What differs in its command or its options is asked for itself."""
    async with asking() as it:
        for number in range(3):
            await it.ask({"title": "Run", "toolCallId": f"c{number}", "rawInput": {"command": "ls"}}, request_id=number)
        await it.ask({"title": "Run", "toolCallId": "d", "rawInput": {"command": "ls -l"}}, request_id=3)
        await it.ask({"title": "Run", "toolCallId": "e", "rawInput": {"command": "ls"}}, OPTIONS[:1], request_id=4)
        assert len(it.messages) == 3
        assert "-# Asked 3 times. Your answer counts for all of them." in it.messages[0].content
        (card,) = [card for card in it.open if len(card.request_ids) == 3]
        assert card.answer("0", ADA) == f"✅ Allowed once by <@{ADA}> · `ls`"
        await settle()
        assert it.answered() == [{"outcome": "selected", "optionId": "yes"}] * 3
        await it.ask({"title": "Run", "toolCallId": "c9", "rawInput": {"command": "ls"}}, request_id=9)
        assert len(it.messages) == 4  # An answer is for what was asked before it.


async def test_equal_questions_of_two_subagents_are_two_cards_that_name_them() -> None:
    """A change of one subagent's tool call is not one of the other's, whose call has the same id."""
    first, second = Subagent("a", 1, "researcher"), Subagent("b", 1, "*tester*")
    call = {"title": "Run", "rawInput": {"command": "ls"}}
    async with asking() as it:
        for number, subagent in enumerate((first, second, None)):
            await it.ask(call, request_id=number, subagent=subagent)
        assert {card.asked_by for card in it.open} == {
            *("Asked by the subagent researcher.", "Asked by the subagent \\*tester\\*.", "")
        }
        assert "-# Asked by the subagent researcher." in it.messages[0].content
        changed = ToolCallUpdate(tool_call_id="c", raw_input={"command": "rm -rf /"})
        it.questions.changed(changed, second)
        await settle()
        titles = [(card.asked_by, card.title) for card in it.open]
        assert [title for asked_by, title in titles if "tester" in asked_by] == ["rm -rf /"]
        assert [title for asked_by, title in titles if "tester" not in asked_by] == ["ls", "ls"]
        it.questions.changed(changed)
        await settle()
        titles = [(card.asked_by, card.title) for card in it.open]
        assert [title for asked_by, title in titles if "researcher" in asked_by] == ["ls"]


@pytest.mark.parametrize("permission", ["allow_reads", "allow_all", "ask"])
async def test_a_subagent_in_another_directory_is_always_asked_about(permission: Permission) -> None:
    """Relative paths mean other files there; in the session's own directory it is as the agent itself."""
    async with asking(permission) as it:
        it.journal.command_rules.add(CommandRule(THREAD, "make", ADA, 1.0))
        read: Json = {"title": "Read", "kind": "read", "locations": [{"path": "a.txt"}]}
        make: Json = {"title": "x", "kind": "execute", "rawInput": {"command": "make"}}
        here = Subagent("a", 1, "here", cwd=str(it.session.directories[0]))
        for number, call in enumerate((read, make)):
            await it.ask(call, request_id=number, subagent=here)
        assert len(it.messages) == (permission == "ask")
        there = Subagent("b", 1, "there", cwd="/srv/other`s")
        for number, call in enumerate((read, make)):
            await it.ask(call, request_id=10 + number, subagent=there)
        cards = [card for card in it.open if card.asked_by != "Asked by the subagent here."]
        assert len(cards) == 2
        for card in cards:
            assert card.asked_by == "Asked by the subagent there, which works in `/srv/other's`."
            assert not card.rules
            assert ("works in another directory" in card.content) is (permission != "ask")


@pytest.mark.parametrize(
    ("subagent", "named"),
    [
        (Subagent("a", 1, "researcher", "Find it"), "Asked by the subagent researcher."),
        (Subagent("a", 1, " ", "Find *it*"), "Asked by a subagent (Find \\*it\\*)."),
        (Subagent("a", 1), "Asked by a subagent."),
    ],
    ids=repr,
)
async def test_a_subagent_without_a_name_is_told_from_others_by_its_task(subagent: Subagent, named: str) -> None:
    """Codex gives its own no names."""
    async with asking() as it:
        await it.ask({"title": "Run", "rawInput": {"command": "ls"}}, subagent=subagent)
        assert f"-# {named}" in it.messages[0].content


async def test_the_form_of_a_subagent_names_it_too() -> None:
    """Below its text."""
    async with asking() as it:
        it.questions.elicit(Elicitation(5, "form", "Which?", {}, subagent=Subagent("a", 1, "researcher")))
        await settle()
        assert "-# Asked by the subagent researcher." in it.messages[0].content


async def test_one_of_equal_questions_can_end_or_change_without_the_others() -> None:
    """The first too: its card then answers the others. A changed one gets a card of its own."""
    async with asking() as it:
        for number in range(4):
            await it.ask({"title": "Run", "toolCallId": f"c{number}", "rawInput": {"command": "ls"}}, request_id=number)
        it.turn.withdraw(0)
        it.questions.close(questions.WITHDRAWN, 0)
        await it.change(toolCallId="c2", rawInput={"command": "rm"})
        assert len(it.messages) == 2
        assert "run `rm`" in it.messages[1].content
        assert "Asked 2 times" in it.messages[0].content
        it.questions.unanswered(1, "no answer in time")
        await settle()
        assert it.cards.take_unanswered(THREAD) == []
        it.questions.close(questions.WITHDRAWN, 3)
        await settle()
        assert it.messages[0].content == "-# closed: withdrawn by the agent · `ls`"
        assert it.messages[0].buttons == []
        assert len(it.messages[1].buttons) == len(OPTIONS) + 2


async def test_equal_questions_about_one_call_change_together() -> None:
    """They are asked again on one card; what Discord refuses to show is rejected for all."""
    async with asking() as it:
        for number in range(2):
            await it.ask({"title": "Run", "rawInput": {"command": "ls"}}, request_id=number)
        await it.change(rawInput={"command": "rm"})
        assert [len(card.request_ids) for card in it.open] == [2]
        it.board.faults.extend([PermanentError("Missing Permissions")] * 2)
        await it.change(rawInput={"command": "rm -rf"})
        assert it.answered() == [{"outcome": "selected", "optionId": "no"}] * 2


async def test_a_flood_of_equal_questions_is_bounded() -> None:
    """Five thousand of them are few cards, and the reply says that the others were rejected."""
    async with asking() as it:
        for number in range(5_000):
            it.peer.ask(it.session.session_id, {"toolCallId": f"c{number}", "title": "Run"}, OPTIONS, number)
            question = await anext(it.turn)
            assert isinstance(question, Question)
            it.questions.ask(question, question.tool_call)
        await settle()
        assert len(it.messages) == MOST_OPEN
        assert len(it.answered()) == 5_000 - MOST_OPEN * MOST_EQUAL
        assert len(it.lines) == MOST_LINES


# ---- rules of the thread


async def test_a_rule_allows_its_command_and_nothing_else() -> None:
    """It is looked at for each question, recorded, and gone when it is removed."""
    async with asking() as it:
        it.journal.command_rules.add(CommandRule(THREAD, "git status …", ADA, 1.0))
        it.journal.command_rules.add(CommandRule(THREAD + 1, "ls", ADA, 1.0))
        await it.ask({"title": "x", "kind": "execute", "rawInput": {"command": "git status -s"}})
        assert it.answered() == [{"outcome": "selected", "optionId": "yes"}]
        asked: list[Json] = [
            {"rawInput": {"command": "git status; rm -rf ~"}},
            {"rawInput": {"command": "git push"}},
            {"rawInput": {"command": "ls"}},
            {"rawInput": {"command": "git status", "env": {"LD_PRELOAD": "x"}}},
            {"rawInput": {"command": "git status", "cwd": "/etc"}},
            {"rawInput": {"command": "git status"}, "kind": "edit"},
            {"rawInput": {"command": "git status .git/config"}},
            {"rawInput": {"command": "git status"}, "locations": [{"path": "/etc/passwd"}]},
            {"rawInput": {"command": "git status"}, "content": [{"type": "diff", "path": "a", "newText": "b"}]},
            {"title": "git status"},
        ]
        for number, fields in enumerate(asked):
            await it.ask({"title": "x", "kind": "execute", "toolCallId": f"c{number}", **fields}, request_id=number)
        assert len(it.answered()) == 1
        assert len(it.messages) == len(asked)
        assert it.journal.command_rules.remove(THREAD, "git status …")
        await it.ask({"title": "x", "toolCallId": "z", "rawInput": {"command": "git status -s"}}, request_id=99)
        assert len(it.answered()) == 1


@pytest.mark.parametrize(("permission", "asked"), [("allow_reads", False), ("allow_all", True), ("deny", False)])
async def test_a_rule_holds_where_a_person_would_be_asked(permission: Permission, asked: bool) -> None:  # noqa: FBT001
    """It does not loosen what the configuration asks about although it allows everything, nor what it denies."""
    async with asking(permission) as it:
        it.journal.command_rules.add(CommandRule(THREAD, "make", ADA, 1.0))
        call = {
            "title": "x",
            "rawInput": {"command": "make"},
            "kind": "new" if permission == "allow_all" else "execute",
        }
        await it.ask(call)
        assert bool(it.messages) is asked
        chosen = {"allow_reads": ["yes"], "allow_all": [], "deny": ["no"]}[permission]
        assert [each["optionId"] for each in it.answered()] == chosen


async def test_a_question_that_cannot_be_allowed_once_gets_no_rule() -> None:
    """Nor does a command that a shell would change."""
    async with asking() as it:
        always = ({**OPTIONS[0], "kind": "allow_always"}, OPTIONS[2])
        await it.ask({"title": "x", "rawInput": {"command": "ls"}}, always, request_id=1)
        await it.ask({"title": "x", "toolCallId": "d", "rawInput": {"command": "ls; id"}}, request_id=2)
        assert [card.rules for card in it.open] == [(), ()]


# ---- forms and pages


def elicited(it: Asking, **fields: Any) -> list[object]:
    """Ask an elicitation; return its future answer."""
    asked = Elicitation(**{"request_id": "e", "mode": "form", "message": "Who?", "schema": {}, **fields})
    answers: list[object] = []
    it.turn.ask(asked, answers.append)
    it.questions.elicit(asked)
    return answers


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"schema": {"properties": {}, "required": ["a"]}}, "it requires 'a', which it does not describe"),
        ({"mode": "url", "url": "http://a.example/"}, "its page does not use https"),
        ({"mode": "url", "url": "javascript:alert(1)"}, "its page does not use https"),
        ({"mode": "url", "url": None}, "its page does not use https"),
        ({"mode": "url", "url": "https:///x"}, LEADS),
        *(
            ({"mode": "url", "url": f"https://{host}/"}, LEADS)
            for host in ("2130706433", "0x7f.1", "127.1", "010.0.0.1")
        ),
        ({"mode": "url", "url": "https://good.example@bad.example/"}, LEADS),
        (
            {"mode": "url", "url": "https://g\u043e\u043ed.example/"},
            HIDDEN,
        ),
        ({"mode": "url", "url": "https://a.example/`"}, HIDDEN),
        ({"mode": "url", "url": "https://a.example\\@b.example"}, HIDDEN),
        ({"mode": "url", "url": f"https://a.example/{'x' * 512}"}, HIDDEN),
        ({"mode": "url", "url": "https://a.example:x/"}, "the address of its page is not valid"),
        ({"mode": "url", "url": "https://[a/"}, "the address of its page is not valid"),
    ],
)
async def test_an_elicitation_that_may_deceive_is_declined(fields: Json, why: str) -> None:
    """The reply says so, and there is no card."""
    async with asking() as it:
        assert elicited(it, **fields) == [Decline()]
        assert it.lines == [f"-# 🚫 Declined what the agent asked for: {escape(why)}"]
        assert len(it.cards) == 0


async def test_the_longest_possible_card_is_one_message() -> None:
    """It has markup to escape, backticks, every note, a number and five mentions."""
    five = Mentions((), tuple(2**63 + n for n in range(5)))
    options = [{"optionId": str(n), "name": "*" * 100, "kind": "allow_once"} for n in range(2_000)]
    async with asking() as it:
        question = await it.ask({"title": "*" * 300, "kind": "_" * 99, "rawInput": HEAVY}, tuple(options))
        asked = PermissionCard(
            *(question, it.turn, question.tool_call, QuestionOrigin(THREAD, ASKED_BY, ADA)),
            changed=True,
            why="it may change a file that controls what the agent may do",
        )
        fields = {str(n): {"type": "string", "title": "*" * 99} for n in range(MOST_FIELDS)}
        about = {"properties": fields, "required": [*fields], "description": HEAVY}
        form = FormCard(Elicitation("e", "form", HEAVY, about), it.turn, QuestionOrigin(THREAD, ASKED_BY, ADA))
        for card in (asked, form):
            card.mentions, card.number, card.asked_by = five, 20, subagents.asks(*["*" * 999] * 3)
            assert 1_000 < len(card.content) <= LIMIT
        assert len(asked.answer("0", 2**63) or "") <= LIMIT


async def test_a_form_without_fields_is_accepted_by_a_press() -> None:
    """A long message is attached in full, with the choices that menus cannot show."""
    async with asking() as it:
        answers = elicited(it, message="m" * 3_000)
        await settle()
        assert [button.label for button in it.messages[0].buttons] == ["Accept", "Decline", "Cancel"]
        assert it.messages[0].files == (("message.txt", b"m" * 3_000),)
        (card,) = [it.cards.find(each.token) for each in it.journal.questions.all()]
        assert isinstance(card, FormCard)
        assert card.accept(ADA, here=True) is not None
        assert answers == [Accept({})]
        assert card.accept(ADA, here=True) is None
        assert card.decline_or_cancel("decline", ADA) is None
        assert card.decline_or_cancel("cancel", ADA) is None
    async with asking() as it:
        elicited(it, schema={"properties": {"x": {"type": "string", "enum": [f"c{n}" for n in range(30)]}}})
        await settle()
        ((name, content),) = it.messages[0].files
        assert name == "form.txt"
        assert content.decode().count("\n") == 32
        assert "-# The form in full is in the attached file." in it.messages[0].content


async def test_a_forms_title_and_description_are_shown_and_a_huge_form_is_declined() -> None:
    """The title is above the fields, the whole description on the card; a megabyte gets no card."""
    async with asking() as it:
        one = {"a": {"type": "string"}}
        about: Json = {"title": "Your \u202eself", "description": "*Only* the truth.", "properties": one}
        answers = elicited(it, schema=about, message="Who are you?")
        await settle()
        assert "```\nWho are you?\n*Only* the truth.\n```" in it.messages[0].content
        (card,) = [it.cards.find(each.token) for each in it.journal.questions.all()]
        assert isinstance(card, FormCard)
        assert card.form(0, ADA).title == "Your \\u{202e}self"
        assert answers == []
        large = elicited(it, message="m" * (LONGEST_FORM + 1), request_id=2)
        assert large == [Decline()]
        assert any("too large to show in Discord" in line for line in it.lines)


async def test_the_agent_says_that_a_page_was_visited() -> None:
    """That ends the wait, even without a press on the card. A question that has ended stays as it is."""
    async with asking() as it:
        page: Json = {"mode": "url", "url": "https://a.example/"}
        answers = [elicited(it, **page, request_id=number, elicitation_id=f"e{number}") for number in range(3)]
        await settle()
        tokens = [question.token for question in it.journal.questions.all()]
        opened, _, ended = sorted(filter(None, map(it.cards.find, tokens)), key=lambda card: card.number or 0)
        assert isinstance(opened, PageCard)
        assert opened.accept(ADA)
        it.questions.close(questions.WITHDRAWN, ended.request_id)
        it.turn.withdraw(ended.request_id)
        for number in (0, 1, 2, 1, 7):
            it.cards.page_completed(THREAD, f"e{number}")
            it.cards.page_completed(THREAD + 1, f"e{number}")
        await settle()
        done = "✅ `a.example` done · Who?"
        assert [message.content for message in it.messages] == [done, done, "-# closed: withdrawn by the agent · Who?"]
        assert [message.buttons for message in it.messages] == [[], [], []]
        assert answers == [[Accept()], [Accept()], [None]]
        assert len(it.cards) == 0


async def test_of_very_many_pages_the_oldest_are_forgotten() -> None:
    """Their cards keep their text."""
    with scratch_journal() as journal:
        cards, told = Cards(journal=journal, api=FakeDiscord()), list[int]()
        for number in range(MOST_PAGES + 1):
            cards.remember_page(THREAD, str(number), lambda number=number: told.append(number))  # type: ignore[misc]
        for number in range(2):
            cards.page_completed(THREAD, str(number))
        assert told == [1]


async def test_each_person_has_their_own_entries() -> None:
    """Each has a draft; beyond a bound the oldest is forgotten."""
    async with asking() as it:
        properties: Json = {f"f{number}": {"type": "string"} for number in range(6)}
        answers = elicited(it, schema={"properties": properties, "required": ["f0"]})
        await settle()
        (card,) = [it.cards.find(each.token) for each in it.journal.questions.all()]
        assert isinstance(card, FormCard)
        assert card.next_step(1) == 0
        assert await card.enter(0, 1, {"f0": ""}) == ["**f0** must be filled in"]
        assert card.next_step(1) == 0
        assert await card.enter(0, 1, {"f0": "one"}) == []
        assert (card.next_step(1), card.next_step(2)) == (1, 0)
        assert await card.enter(1, 1, {"f5": "five", "forged": "x"}) == []
        assert card.next_step(1) is None
        for person in range(10, 10 + MOST_DRAFTS):
            await card.enter(0, person, {"f0": "x"})
        assert card.next_step(1) == 0
        await card.enter(0, 30, {"f0": "thirty"})
        await card.enter(1, 30, {})
        assert card.accept(30, here=False) is not None
        assert answers == [Accept({"f0": "thirty"})]


# ---- nobody answers


async def test_a_reminder_pings_with_a_link_once_more() -> None:
    """The link leads to the question's message; the reminder says the time left."""
    async with asking() as it:
        question = await it.ask({"title": "Run [it](x)"})
        it.questions.remind(question.request_id, 7200)
        await settle()
        reminder = it.messages[1]
        link = f"https://discord.com/channels/1/{THREAD}/1"
        assert reminder.content == f"<@{ADA}> still waiting for an answer (2 h left): [Run \\[it\\]\\(x\\)](<{link}>)"
        assert reminder.mention == Mentions((ADA,))
        it.questions.remind("another", 7200)
        assert it.open[0].answer("0", ADA) is not None
        it.questions.remind(question.request_id, 60)
        await settle()
        assert len(it.messages) == 2


async def test_the_agent_learns_of_unanswered_questions() -> None:
    """It learns once, with the next prompt, of the latest ones."""
    async with asking() as it:
        for number in range(MOST_UNANSWERED + 2):
            question = await it.ask({"title": f"Run {number}"})
            it.questions.unanswered(question.request_id, "no answer in time")
            await settle()
        assert it.messages[0].content == "-# closed: no answer in time · Run 0"
        assert it.cards.take_unanswered(THREAD) == [
            f"Run {number}: no answer in time" for number in range(2, MOST_UNANSWERED + 2)
        ]
        assert it.cards.take_unanswered(THREAD) == []


def test_the_reason_of_an_old_closed_question_comes_from_its_exchange() -> None:
    """It is the state that the restart found, even after the card was corrected (P52)."""
    with scratch_journal() as journal:
        accepted(journal, ASKED_BY)
        journal.questions.asked(OpenQuestion("0" * 16, THREAD, ASKED_BY, "May I?", None, "`ls`", components_v2=True))
        cards = Cards(journal=journal, api=FakeDiscord())
        assert cards.closed_reason("0" * 16) == questions.became(MessageState.RECEIVED)
        journal.messages.prompted((ASKED_BY,), "[]")
        journal.questions.settled("0" * 16)
        assert cards.closed_reason("0" * 16) == questions.became(MessageState.PROMPTED)
        assert "Retry" in questions.became(MessageState.PROMPTED)
        assert cards.closed_reason("1" * 16) == "the turn has ended"


# ---- who is pinged


@pytest.mark.parametrize(
    ("approvers", "admins", "expected"),
    [
        (ASKER, NO_MENTIONS, Mentions((ADA,))),
        (EVERYONE, NO_MENTIONS, Mentions((ADA,))),
        (ONLY_ADA, NO_MENTIONS, Mentions((100,))),
        (ONLY_ROLE, NO_MENTIONS, Mentions((), (ROLE,))),
        (ONLY_OWNER, NO_MENTIONS, Mentions((9,))),
        (NO_MENTIONS, ONLY_ROLE, Mentions((), (ROLE,))),
        (NO_MENTIONS, ONLY_OWNER, Mentions((9,))),
        (NO_MENTIONS, NO_MENTIONS, Mentions((ADA,))),
    ],
)
def test_those_who_may_answer_are_pinged(approvers: People, admins: People, expected: Mentions) -> None:
    """It is the asker if they may answer, otherwise the named approvers, or else the admins."""
    rules = replace(users(EVERYONE), approvers=approvers, admins=admins)
    assert approver_mentions(rules, ADA, {9}) == expected


def test_a_question_pings_no_crowd() -> None:
    """The number of people and roles is bounded."""
    people = People(asker=True, user_ids=frozenset(range(100, 110)), role_ids=frozenset(range(10)))
    found = approver_mentions(replace(users(EVERYONE), approvers=people), ADA, ())
    assert found == Mentions((ADA, *range(100, 100 + MOST - 1)))
    roles = approver_mentions(replace(users(EVERYONE), approvers=People(role_ids=frozenset(range(10)))), ADA, ())
    assert str(roles) == " ".join(f"<@&{role}>" for role in range(MOST))


# ---- what Discord does not take


async def test_a_question_that_cannot_be_shown_is_rejected_and_the_turn_continues() -> None:
    """People could not answer it (P48). The reply and the agent's next prompt say so."""
    async with asking() as it:
        it.board.faults.extend([PermanentError("Missing Permissions")] * 2)
        await it.ask({"title": "Run"})
        assert it.answered() == [{"outcome": "selected", "optionId": "no"}]
        assert it.lines == ["-# 🚫 Rejected, Discord refused the question: Run"]
        assert it.cards.take_unanswered(THREAD) == ["Run: it could not be shown"]
        assert (it.open, it.messages, it.turn.unanswered) == ([], [], ())


async def test_values_that_cannot_be_asked_for_are_declined() -> None:
    """Elicitations are treated like permissions."""
    async with asking() as it:
        it.board.faults.append(PermanentError("Missing Permissions"))
        answers = elicited(it)
        await settle()
        assert answers == [Decline()]
        assert it.lines == ["-# 🚫 Declined what the agent asked for: Discord refused the question"]
