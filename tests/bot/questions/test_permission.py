"""An agent's question as people see it: in full, with its own buttons, answered once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acp import Question, Turn
from acp.schema import ToolCallUpdate
from bot.access.gate import Right
from bot.interactions.cards import Cards, QuestionOrigin
from bot.questions.permission import BUTTONS, DENY, LABEL, MENU, MENUS, AnswerButton, AnswerMenu, PermissionCard
from bot.questions.tool_description import TITLE, describe
from bot.rest.errors import TryLater
from bot.rest.mentions import Mentions
from bot.user_messages import questions as texts
from pool.journal.journal import Journal
from tests.acp.opened import HELLO, opened
from tests.bot.fake_discord import AnswerLost, FakeDiscord, Message, pacing, scratch_journal, settle
from tests.bot.page_checks import open_fence
from tests.support.memory_agent import OPTIONS, Json, MemoryAgent
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

THREAD, ASKED_BY, ADA = 7, 70, 42
HOME = "/srv/project"
COMMAND = "rm -rf build && make all"


@dataclass
class Asked:
    """An agent's question and its card."""

    peer: MemoryAgent
    prompt: Json
    turn: Turn
    question: Question
    cards: Cards
    card: PermissionCard
    board: FakeDiscord
    journal: Journal

    @property
    def message(self) -> Message:
        (message,) = self.board.messages.values()
        return message


@asynccontextmanager
async def asked(
    tool_call: Json | None = None, options: Sequence[Json] = OPTIONS, board: FakeDiscord | None = None
) -> AsyncIterator[Asked]:
    """Ask a question in a turn; the card is posted when the test lets time pass."""
    board = board or FakeDiscord()
    with scratch_journal() as journal:
        async with pacing(board), opened() as (peer, _, session), session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            peer.ask(session.session_id, tool_call, options)
            question = await anext(turn)
            assert isinstance(question, Question)
            cards = Cards(journal=journal, api=board)
            card = PermissionCard(question, turn, question.tool_call, QuestionOrigin(THREAD, ASKED_BY, ADA))
            cards.open(card)
            yield Asked(peer, prompt, turn, question, cards, card, board, journal)


def call(**fields: Any) -> Json:
    """Return a tool call in ACP's form."""
    return {"toolCallId": "c", **fields}


# ---- what is shown


TEXT = {"type": "content", "content": {"type": "text", "text": "the plan"}}
EDIT = {"type": "diff", "path": f"{HOME}/src/f.py", "oldText": "a\nb\n", "newText": "a\nc\n"}
NEW = {"type": "diff", "path": "/f", "newText": "a\n"}


@pytest.mark.parametrize(
    ("fields", "action", "rest"),
    [
        # commands
        ({"title": "Run it", "kind": "execute", "rawInput": {"command": COMMAND}}, f"run `{COMMAND}`", "title: Run it"),
        ({"title": f"`{COMMAND}`", "rawInput": {"command": COMMAND}}, f"run `{COMMAND}`", ""),
        ({"title": f"{COMMAND[:9]}…", "rawInput": {"command": COMMAND}}, f"run `{COMMAND}`", ""),
        ({"title": "ls", "kind": "execute", "rawInput": "ls"}, "run `ls`", ""),
        ({"title": "ls", "rawInput": {"command": "ls", "description": "Look", "timeout": 5, "cwd": "/"}},
         "run `ls`", "description: Look\ntimeout: 5\ncwd: /"),
        ({"title": "ls", "rawInput": {"command": "ls", "cwd": "ls"}}, "run `ls`", "cwd: ls"),
        ({"title": "x", "rawInput": {"command": ["sh", "-c", "a b"], "proposed_amendment": ["sh", "-c", "a b"]}},
         "run `sh -c 'a b'`", "title: x"),
        ({"title": "Go", "rawInput": {"command": "a\n b"}}, "a b", "$ a\n b\ntitle: Go"),
        ({"title": "Go", "rawInput": {"command": "echo `id`"}}, "echo \\`id\\`", "$ echo `id`\ntitle: Go"),
        ({"title": "Go", "rawInput": {"command": "rm  -rf"}}, "rm -rf", "$ rm  -rf\ntitle: Go"),
        ({"title": "View", "kind": "read", "rawInput": {"command": "view"}}, "View (read)", "command: view"),
        ({"title": "Go", "rawInput": {"command": ["a", 1]}}, "Go", 'command: ["a", 1]'),
        ({"title": "Go", "rawInput": ["a", 1]}, "Go", '["a", 1]'),
        ({"title": "Go", "rawInput": "free text"}, "Go", "free text"),
        ({"title": "Go", "rawInput": {"text": "one\ntwo: 2", "more": {"a": "é"}, "none": None}},
         "Go", 'text: one\n  two: 2\nmore: {"a": "é"}'),
        ({"title": "Nothing", "rawInput": {}}, "Nothing", ""),
        # files
        ({"title": "Read", "locations": [{"path": "/a"}, {"path": "/b", "line": 3}]}, "Read", "/a\n/b:3"),
        ({"title": f"Read {HOME}/a", "kind": "read", "locations": [{"path": f"{HOME}/a"}]}, "read `a`", ""),
        ({"title": "Look (1-20)", "kind": "read", "locations": [{"path": f"{HOME}/a", "line": 2}],
          "rawInput": {"file_path": f"{HOME}/a", "limit": 20}}, "read `a:2`", "title: Look (1-20)\nlimit: 20"),
        *(
            ({"title": "x", "kind": "delete", "locations": [{"path": path}]}, f"delete `{path}`", "title: x")
            for path in (f"{HOME}/../etc", f"{HOME}/a/../../b", f"{HOME}/~/x", f"{HOME}2/x", "/etc/passwd")
        ),
        ({"title": "x", "kind": "delete", "locations": [{"path": f"{HOME}//x"}]}, "delete `x`", ""),
        ({"title": "Two", "kind": "delete", "locations": [{"path": "/a"}, {"path": "/b"}]}, "Two (delete)", "/a\n/b"),
        ({"title": "Edit src/f.py", "kind": "edit", "content": [EDIT], "locations": [{"path": EDIT["path"]}],
          "rawInput": {"file_path": EDIT["path"], "old_string": "a\nb\n", "new_string": "a\nc\n", "all": False}},
         "edit `src/f.py`", "@@ -1,2 +1,2 @@\n a\n-b\n+c\nall: false"),
        ({"title": EDIT["path"], "kind": "edit", "content": [EDIT],
          "rawInput": {"filepath": EDIT["path"], "diff": f"--- {HOME}\n+++ {HOME}\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"}},
         "edit `src/f.py`", "@@ -1,2 +1,2 @@\n a\n-b\n+c"),
        ({"title": "/f", "kind": "edit", "locations": [{"path": "/f"}], "rawInput": {"diff": "@@ -1 +1 @@\n-a\n+b"}},
         "edit `/f`", "diff:\n@@ -1 +1 @@\n-a\n+b"),
        ({"title": "New", "content": [NEW, {**EDIT, "path": "/g"}]},
         "New", "--- /f\n+++ /f\n@@ -0,0 +1 @@\n+a\n--- /g\n+++ /g\n@@ -1,2 +1,2 @@\n a\n-b\n+c"),
        ({"title": "New", "content": [{**NEW, "newText": ""}]}, "New", "/f: new and empty"),
        ({"title": "Same", "content": [{**NEW, "oldText": "a\n"}]}, "Same", "/f: unchanged"),
        # anything else
        ({"title": "T" * 250}, "T" * TITLE, "T" * 250),
        ({"title": "*x* <@1>", "kind": "<@2>"}, r"\*x\* \<\@1\> (\<\@2\>)", ""),
        ({"title": "Two\nlines"}, "Two lines", "Two\nlines"),
        ({"title": "Leave", "content": [TEXT], "rawInput": {"plan": "x", "content": "the plan"}},
         "Leave", "the plan\nplan: x"),
        ({"title": "Look", "content": [{"type": "terminal", "terminalId": "t\n1"}]}, "Look", r"[terminal t\u{a}1]"),
        ({"title": "Look", "content": [{"type": "new", "what": "é"}, {"type": "diff", "path": "/f"}]},
         "Look", '{"type": "new", "what": "é"}\n{"type": "diff", "path": "/f"}'),
        *(
            ({"title": "Send", "content": [{"type": "content", "content": block}]}, "Send", detail)
            for block, detail in (
                ({"type": "image", "mimeType": "image/png", "data": "AAAA" * 1024}, "[image/png, 3 KiB]"),
                ({"type": "audio", "mimeType": "audio/wav", "data": "AAAA"}, "[audio/wav, 3 bytes]"),
                ({"type": "resource_link", "name": "key", "uri": "file:///k"}, "[link key: file:///k]"),
                ({"type": "resource", "resource": {"uri": "mem:a", "text": "all\nof it"}}, "[mem:a]\nall\nof it"),
                ({"type": "resource", "resource": {"uri": "mem:a", "blob": "AAAA"}}, "[mem:a, 3 bytes]"),
                ({"type": "resource", "resource": {}}, "[resource, 0 bytes]"),
                ({"type": "hologram", "rays": 3}, '{"type": "hologram", "rays": 3}'),
            )
        ),
        ({"title": "x", "locations": [{"path": "/a\n/b"}]}, "x", r"/a\u{a}/b"),
    ],
)  # fmt: skip
def test_a_tool_call_is_described_in_full_and_once(fields: Json, action: str, rest: str) -> None:
    """The command or the file comes first, as it is; then what that does not say, each value with its name (P51)."""
    described = describe(ToolCallUpdate.model_validate(call(**fields)), HOME)
    assert (described.action, described.rest) == (action, rest)
    assert described.language == ("diff" if "@@" in rest else "")


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u0007", "\u001b", "\r", "\u3164", "\u2066", "\u00a0"])
def test_characters_that_hide_or_turn_text_are_made_visible(hidden: str) -> None:
    """That holds for the command, the title, the kind, the path and the names and values of the input (P51)."""
    fields = {"title": f"Run{hidden}it", "kind": f"k{hidden}", "rawInput": {f"n{hidden}": f"v{hidden}"}}
    described = describe(ToolCallUpdate.model_validate(call(**fields, locations=[{"path": f"/a{hidden}b"}])))
    code = f"\\u{{{ord(hidden):x}}}"
    assert described.rest == f"/a{code}b\nn{code}: v{code}"
    assert described.action == f"Run\\{code}it (k\\{code})"
    command = describe(ToolCallUpdate.model_validate(call(title="x", rawInput={"command": f"ls{hidden}x"})))
    assert (command.action, command.rest) == (f"ls\\{code}x", f"$ ls{code}x\ntitle: x")


async def test_a_question_is_a_message_that_pings_the_asker() -> None:
    """It has the description and a button for each option, with the agent's names."""
    async with asked(call(title="Run the tests", kind="execute", rawInput={"command": "make test"})) as it:
        await settle()
        assert it.message.content == f"<@{ADA}> **Permission needed** · run `make test`\n```\ntitle: Run the tests\n```"
        assert it.message.mention == Mentions((ADA,))
        assert [button.label for button in it.message.buttons] == [
            *("Allow once", "Always allow", "Reject", "Reject with a reason")
        ]
        assert not it.message.files


@pytest.mark.parametrize("command", ["x" * 5_000, "`" * 1_200, "`" * 40_000, "echo hi\n" * 1_000])
async def test_a_long_command_is_attached_in_full(command: str) -> None:
    """The message has its beginning and says so; the file has every character (P51)."""
    async with asked(call(title="Run", rawInput={"command": command})) as it:
        await settle()
        assert "The rest is in the attached file." in it.message.content
        ((name, content),) = it.message.files
        assert (name, content.decode()) == ("request.txt", f"$ {command}\ntitle: Run")


def option(number: int, name: str, kind: str = "allow_once") -> Json:
    """Return an option in ACP's form."""
    return {"optionId": f"o{number}", "name": name, "kind": kind}


async def test_two_options_of_one_kind_are_two_buttons() -> None:
    """Each has its own name and answer (P49)."""
    async with asked(options=[option(0, "Yes, this file"), option(1, "Yes, all files")]) as it:
        await settle()
        assert [button.label for button in it.message.buttons] == ["Yes, this file", "Yes, all files", "Deny"]
        assert it.card.answer("1", ADA) is not None
        answer = await it.peer.answer_to(it.question.request_id)
        assert answer["result"] == {"outcome": {"outcome": "selected", "optionId": "o1"}}


async def test_every_option_gets_a_label_that_discord_accepts() -> None:
    """Long names are cut, empty ones replaced, unknown kinds shown like any other."""
    names = ["n" * 300, "", "  ", "tu\u202ern"]
    options = [option(number, name, "invented_later") for number, name in enumerate(names)]
    async with asked(options=[*options, option(9, "No", "reject_once")]) as it:
        await settle()
        labels = [button.label or "" for button in it.message.buttons]
        assert labels == [
            "n" * (LABEL - 1) + "…",
            "(no name)",
            "(no name)",
            "tu\\u{202e}rn",
            "No",
            "Reject with a reason",
        ]


async def test_the_kind_of_an_option_is_on_its_button_whatever_the_agent_calls_it() -> None:
    """A lasting allowance called "Deny" is blue with a tick, and says "Always"; an unknown kind has no sign."""
    kinds = ["allow_once", "allow_always", "reject_once", "reject_always", "new"]
    options = [option(number, "Deny", kind) for number, kind in enumerate(kinds)]
    async with asked(options=[*options, option(9, "Always allow this", "allow_always")]) as it:
        await settle()
        assert [(each.label, str(each.emoji or ""), each.style) for each in it.message.buttons] == [
            ("Deny", "✅", discord.ButtonStyle.success),
            ("Always: Deny", "✅", discord.ButtonStyle.primary),
            ("Deny", "❌", discord.ButtonStyle.danger),
            ("Always: Deny", "❌", discord.ButtonStyle.danger),
            ("Deny", "", discord.ButtonStyle.secondary),
            ("Always allow this", "✅", discord.ButtonStyle.primary),
            ("Reject with a reason", "", discord.ButtonStyle.secondary),
        ]
    many = [option(number, "Deny", "allow_always") for number in range(40)]
    async with asked(options=many) as it:
        menu = next(item.item for item in it.card.items() if isinstance(item, AnswerMenu))
        assert {(each.label, str(each.emoji)) for each in menu.options} == {("Always: Deny", "✅")}


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("allow_once", "✅ Allowed once by"),
        ("allow_always", "✅ Always allowed by"),
        ("reject_once", "❌ Rejected by"),
        ("reject_always", "❌ Always rejected by"),
    ],
)
async def test_an_answered_question_is_one_line(kind: str, verdict: str) -> None:
    """It has the decision, the person and the command; the option's name only where two are of one kind."""
    run = call(title="Test", rawInput={"command": "pytest -x", "timeout": 3})
    async with asked(run, [option(0, "It's *mine*", kind)]) as it:
        assert it.card.answer("0", ADA) == f"{verdict} <@{ADA}> · `pytest -x`"
    async with asked(run, [option(0, "It's *mine*", kind), option(1, "Yours", kind)]) as it:
        assert it.card.answer("0", ADA) == f"{verdict} <@{ADA}> (It's \\*mine\\*) · `pytest -x`"
    async with asked(run, [option(0, "Maybe", "new")]) as it:
        assert it.card.answer("0", ADA) == f"❔ Answered by <@{ADA}> (Maybe) · `pytest -x`"


async def test_a_closed_question_keeps_neither_its_text_nor_its_file() -> None:
    """The audit log has the whole request."""
    async with asked(call(title="Run", rawInput={"command": "x" * 5_000})) as it:
        await settle()
        assert it.message.files
        it.card.close(texts.NOT_NEEDED)
        await settle()
        assert it.message.content == f"-# closed: no longer needed · {'x' * TITLE}"
        assert it.message.files == ()
        assert "x" * 5_000 in it.card.request


async def test_options_beyond_the_bound_on_buttons_are_in_menus() -> None:
    """A hundred fit, in the agent's order; the card counts those left out."""
    options = [
        option(number, f"option {number}", "reject_once" if number == 3 else "allow_once") for number in range(120)
    ]
    async with asked(options=options[:BUTTONS]) as it:
        assert [type(item) for item in it.card.items()] == [AnswerButton] * BUTTONS
    async with asked(options=options) as it:
        await settle()
        menus = [item.item for item in it.card.items() if isinstance(item, AnswerMenu)]
        assert [each.label for menu in menus for each in menu.options] == [f"option {n}" for n in range(MENU * MENUS)]
        assert "20 more options are not shown" in it.message.content
        assert it.card.answer("120", ADA) is None
        assert it.card.answer("99", ADA) is not None
        answer = await it.peer.answer_to(it.question.request_id)
        assert answer["result"]["outcome"]["optionId"] == "o99"


async def test_deny_is_added_where_the_agent_offers_no_way_to_reject() -> None:
    """The card says that it ends the turn, as its answer is `cancelled` (P50)."""
    async with asked(options=[option(0, "Yes")]) as it:
        await settle()
        assert [button.label for button in it.message.buttons] == ["Yes", "Deny"]
        assert "Deny ends its turn" in it.message.content
        said = it.card.answer(DENY, ADA)
        assert said is not None
        assert said == f"❌ Rejected by <@{ADA}> · Run the tests"
        assert (await it.peer.answer_to(it.question.request_id))["result"] == {"outcome": {"outcome": "cancelled"}}
    async with asked() as it:
        assert it.card.answer(DENY, ADA) is None  # a forged press: the agent has its own
        assert it.turn.unanswered


async def test_a_way_to_reject_that_cannot_be_shown_is_behind_deny() -> None:
    """The last of 120 options rejects; Deny answers with it, and the turn continues (P50)."""
    options = [option(number, f"option {number}") for number in range(120)]
    async with asked(options=[*options, option(120, "No", "reject_once")]) as it:
        assert isinstance([*it.card.items()][-1], AnswerButton)
        assert "ends its turn" not in it.card.content
        assert it.card.answer(DENY, ADA) is not None
        answer = await it.peer.answer_to(it.question.request_id)
        assert answer["result"]["outcome"] == {"outcome": "selected", "optionId": "o120"}


async def test_a_name_that_is_too_long_for_a_button_is_in_the_request() -> None:
    """Its end has the scope of an allowance (P51); invisible characters are escaped."""
    prefix = "Yes, and don't ask again for commands that start with `sh -lc "
    names = [f"{prefix}{'a' * 60}\u202e`", "No", f"{prefix}{'b' * 3_000}`"]
    async with asked(call(title="Run"), [option(n, name) for n, name in enumerate(names[:2])]) as it:
        await settle()
        assert it.message.content.count(f"\n[choice 1: {prefix}{'a' * 60}\\u{{202e}}`]\n") == 1
        assert "choice 2" not in it.message.content
    async with asked(call(title="Run", rawInput="ls"), [option(n, name) for n, name in enumerate(names)]) as it:
        await settle()
        ((_, content),) = it.message.files
        assert content.decode().endswith(f"[choice 3: {names[2]}]")


@pytest.mark.parametrize("kind", [{}, {"kind": None}, {"kind": 5}, {"kind": "allow_maybe"}], ids=repr)
async def test_an_option_of_an_unknown_kind_can_still_be_chosen(kind: Json) -> None:
    """It counts as neither approval nor denial, and needs the right to change (P48)."""
    strange = [{"optionId": "a", "name": "Sure", **kind}, {"optionId": "b", **kind}, {"name": "without an id"}]
    async with asked(options=[*strange, option(9, "No", "reject_once")]) as it:
        await settle()
        buttons = it.message.buttons
        assert [(each.label, each.style) for each in buttons] == [
            ("Sure", discord.ButtonStyle.secondary),
            ("(no name)", discord.ButtonStyle.secondary),
            ("No", discord.ButtonStyle.danger),
            ("Reject with a reason", discord.ButtonStyle.secondary),
        ]
        assert [it.card.right(choice) for choice in "012"] == [Right.CHANGE, Right.CHANGE, Right.APPROVE]
        assert [it.card.audit_action(choice) for choice in ("0", "2", DENY)] == ["answered", "denied", "denied"]
        assert it.card.answer("0", ADA) is not None
        answer = await it.peer.answer_to(it.question.request_id)
        assert answer["result"]["outcome"] == {"outcome": "selected", "optionId": "a"}
    async with asked(options=strange) as it:
        await settle()
        assert "Deny ends its turn" in it.message.content
        assert it.message.buttons[-1].label == "Deny"


@pytest.mark.parametrize(
    ("kind", "option_kind", "right"),
    [
        ("execute", "allow_once", Right.APPROVE),
        ("execute", "allow_always", Right.CHANGE),
        ("execute", "invented_later", Right.CHANGE),
        ("execute", "reject_once", Right.APPROVE),
        ("execute", "reject_always", Right.APPROVE),
        ("switch_mode", "allow_once", Right.CHANGE),
        ("switch_mode", "reject_once", Right.APPROVE),
    ],
)
async def test_a_lasting_choice_needs_more_than_the_right_to_answer(kind: str, option_kind: str, right: Right) -> None:
    """Allowing for always and leaving a mode last; rejecting does not."""
    async with asked(call(title="x", kind=kind), [option(0, "Choose", option_kind)]) as it:
        assert it.card.right("0") is right
        assert it.card.right(DENY) is Right.APPROVE
        assert it.card.right("77") is Right.APPROVE


async def test_a_megabyte_is_shown_and_attached() -> None:
    """Every character is there, also hidden ones."""
    async with asked(call(title="Run", rawInput={"command": "é\u200b" * 200_000})) as it:
        await settle()
        ((_, content),) = it.message.files
        assert len(content.decode()) == len("$ \ntitle: Run") + 9 * 200_000


async def test_a_button_carries_only_a_token_and_a_number() -> None:
    """A token cannot be guessed, and a press finds its question by it."""
    async with asked() as it:
        await settle()
        template = AnswerButton.__discord_ui_compiled_template__
        found = [template.fullmatch(button.custom_id or "") for button in it.message.buttons[: len(OPTIONS)]]
        assert [match and (match["token"], match["choice"]) for match in found] == [
            (it.card.token, str(number)) for number in range(len(OPTIONS))
        ]
        assert it.cards.find(it.card.token) is it.card
        assert it.cards.find("0" * 16) is None


kinds = st.sampled_from(["allow_once", "allow_always", "reject_once", "reject_always", "new"])
words = st.text(max_size=300) | st.sampled_from(
    ["`" * 3_000, "*_" * 500, "\u202e" * 900, "x" * 2_500, "😀" * 900, "\n" * 900]
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "title": words,
        "kind": words,
        "rawInput": st.none() | words | st.dictionaries(words, words, max_size=3) | st.lists(st.integers(), max_size=9),
        "locations": st.lists(st.builds(lambda path: {"path": path}, words), max_size=3),
        "content": st.lists(
            st.builds(lambda old, new: {"type": "diff", "path": "/f", "oldText": old, "newText": new}, words, words)
            | st.builds(lambda text: {"type": "content", "content": {"type": "text", "text": text}}, words),
            max_size=3,
        ),
    },
)


@given(bodies, st.lists(st.builds(option, st.integers(0, 9), words, kinds), max_size=30))
@example({"title": "*" * 300, "kind": "_" * 300, "rawInput": "`" * 1_200}, [option(0, "*" * 300)])
async def test_discord_accepts_the_card_of_any_request(body: Json, options: list[Json]) -> None:
    """Open, answered or closed, it has 1 to 2,000 characters and balanced fences; the rest is attached (P51)."""
    async with asked(call(**body), options) as it:
        await elapse(1)
        ((message_id, message),) = it.board.messages.items()
        assert message.content.startswith(f"<@{ADA}> **Permission needed** · ")
        assert not open_fence(message.content)
        detail = describe(it.question.tool_call).rest
        assert detail in message.content or message.files[0][1].startswith(detail.encode())
        content = it.card.answer(str(len(options) - 1), 2**63)
        if content is None:
            it.card.close("withdrawn by the agent")
            await settle()
            content = it.board.messages[message_id].content
        assert 0 < len(content) <= 2_000
        assert not open_fence(content)


# ---- how it ends


async def test_the_first_answer_wins() -> None:
    """The agent gets one answer; the message names the person, and the second press learns that it is over."""
    async with asked() as it:
        await settle()
        said = it.card.answer("0", ADA)
        assert said is not None
        assert said == f"✅ Allowed once by <@{ADA}> · Run the tests"
        assert it.card.post is not None
        it.card.post.answered(said)
        assert it.card.answer("2", 43) is None
        it.card.close(texts.TURN_ENDED)
        await settle()
        assert it.cards.find(it.card.token) is None
        assert it.board.whats == ["send"]  # the press's own answer has changed the message
        assert [each for each in it.peer.received if "result" in each] == [
            {"jsonrpc": "2.0", "id": 0, "result": {"outcome": {"outcome": "selected", "optionId": "yes"}}}
        ]


async def test_a_question_that_is_over_loses_its_buttons_and_says_why() -> None:
    """It accepts no more answers (P54)."""
    async with asked() as it:
        await settle()
        it.turn.withdraw(it.question.request_id)
        it.card.close("withdrawn by the agent")
        await settle()
        assert it.message.content == "-# closed: withdrawn by the agent · Run the tests"
        assert it.message.buttons == []
        assert it.cards.find(it.card.token) is None
        assert it.card.answer("0", ADA) is None


@pytest.mark.parametrize("fault", [TryLater("503"), AnswerLost("reset")], ids=lambda fault: type(fault).__name__)
async def test_a_question_that_ends_before_it_is_posted_keeps_no_buttons(fault: Exception) -> None:
    """If Discord posted it and the confirmation was lost, the message is corrected."""
    board = FakeDiscord()
    board.faults.append(fault)
    async with asked(board=board) as it:
        await elapse(0.05)
        it.card.close("withdrawn by the agent")
        await settle()
        assert it.message.content == "-# closed: withdrawn by the agent · Run the tests"
        assert it.message.buttons == []


async def test_a_press_finds_its_button_by_its_id() -> None:
    """The id alone is enough, also after a restart."""
    match = AnswerButton.__discord_ui_compiled_template__.fullmatch("threadline:answer:00112233445566ff:12")
    assert match is not None
    button = await AnswerButton.from_custom_id(None, discord.ui.Button(), match)
    assert (button.token, button.choice) == ("00112233445566ff", "12")
