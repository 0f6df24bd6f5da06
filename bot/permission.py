"""An agent's question as a message with buttons: shown in full, answered once, by those who may."""

import difflib
import json
import secrets
from collections.abc import Callable
from typing import Any

import discord

from acp import Question, Turn
from acp.schema import Diff, PermissionOption, TextBlock, ToolCallUpdate, ToolContent
from pool.journal import Journal

from .markdown import code_block, escape
from .pacer import Pacer
from .policy import Permission
from .post import Post
from .rest import Rest
from .visible import visible

__all__ = ["AnswerButton", "Card", "Cards"]

LABEL = 80
"""Characters in a button's label (Discord, Button Structure)."""

BUTTONS = 25
"""Buttons on a message: five rows of five."""

TITLE = 200
"""Characters of the title in the headline; a longer one stands in full above the rest of the request."""

DETAIL = 1200
"""Characters of the request shown in the message itself; more goes into an attached file, in full."""

_KINDS = {
    "allow_once": discord.ButtonStyle.success,
    "allow_always": discord.ButtonStyle.secondary,
    "reject_once": discord.ButtonStyle.danger,
    "reject_always": discord.ButtonStyle.danger,
}


class Card:
    """One open question and its message. `token` names it in the buttons; nobody can guess it."""

    def __init__(
        self,
        question: Question,
        turn: Turn,
        tool_call: ToolCallUpdate,
        *,
        asker_id: int,
        on_closed: Callable[["Card"], None],
    ) -> None:
        """Use `Cards.open`."""
        self.token = secrets.token_hex(8)
        self.question = question
        self.asker_id = asker_id
        self._turn = turn
        self._on_closed = on_closed
        self.answered = False
        """Whether a person has answered."""
        self._head, self._detail = describe(tool_call)
        self._excerpt = _excerpt(self._detail)
        self.post: Post | None = None

    @property
    def content(self) -> str:
        """What the message says while the question is open."""
        return f"<@{self.asker_id}> **May I?** {self._head}{self._shown}"

    @property
    def _shown(self) -> str:
        if not self._detail:
            return ""
        if self._excerpt != self._detail:
            return f"\n{code_block(self._excerpt)}\n-# The rest is in the attached file."
        return "\n" + code_block(self._detail)

    @property
    def files(self) -> tuple[tuple[str, bytes], ...]:
        """The whole request, where the message has only its beginning."""
        return (("request.txt", self._detail.encode()),) if self._excerpt != self._detail else ()

    def view(self) -> discord.ui.View:
        """Make the buttons: one for each option, in the agent's order, with the agent's names."""
        view = discord.ui.View(timeout=None)
        for choice, option in enumerate(self.question.options[:BUTTONS]):
            view.add_item(AnswerButton(self.token, choice, option))
        view.stop()  # Dispatched by AnswerButton's template, also after a restart; the library need not keep it.
        return view

    def answer(self, choice: int, by: int) -> str | None:
        """Give the answer to the agent; return what the message says then. None: it is answered already, or over."""
        option = self.question.options[choice]
        if not self._turn.answer(self.question.request_id, option.option_id):
            return None
        self.answered = True
        content = self._closed(f"{escape(visible(option.name)[:LABEL])} — chosen by <@{by}>")
        if self.post is not None:
            self.post.shown(content)
        self._on_closed(self)
        return content

    def close(self, reason: str) -> None:
        """Take the buttons away and say why, unless the question was answered."""
        if not self.answered:
            self._on_closed(self)
            if self.post is not None:
                self.post.show(self._closed(reason))

    @property
    def text(self) -> str:
        """What was asked, without whom."""
        return f"{self._head}{self._shown}"

    def _closed(self, reason: str) -> str:
        return f"{self.text}\n-# {reason}"


class Cards:
    """All open questions, by token."""

    def __init__(
        self, *, journal: Journal, pacer: Pacer, rest: Rest, permission: Callable[[int], Permission] = lambda _: "ask"
    ) -> None:
        """Start with none. `permission` is what the configuration says of a thread."""
        self._journal = journal
        self._pacer = pacer
        self._rest = rest
        self._open: dict[str, Card] = {}
        self.permission = permission
        self.answered = 0
        """How many a person has answered."""

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def open(
        self,
        question: Question,
        turn: Turn,
        tool_call: ToolCallUpdate,
        *,
        channel_id: int,
        exchange_id: int,
        asker_id: int,
    ) -> Card:
        """Post a question about `tool_call`, which is all that is known of it, not only what the question repeats."""
        card = Card(question, turn, tool_call, asker_id=asker_id, on_closed=self._forget)
        card.post = Post(
            channel_id,
            pacer=self._pacer,
            rest=self._rest,
            nonce=card.token,
            mention=asker_id,
            files=card.files,
            on_posted=lambda message_id: self._journal.question_posted(card.token, message_id),
        )
        self._open[card.token] = card
        self._journal.asked(card.token, thread_id=channel_id, exchange_id=exchange_id, content=card.content)
        card.post.show(card.content, card.view)
        return card

    def find(self, token: str) -> Card | None:
        """Return the open question of a button."""
        return self._open.get(token)

    def _forget(self, card: Card) -> None:
        if self._open.pop(card.token, None) is not None:
            self.answered += card.answered
            self._journal.settled(card.token)


class AnswerButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"threadline:answer:(?P<token>[0-9a-f]{16}):(?P<choice>[0-9]{1,2})",
):
    """An option of a question."""

    def __init__(self, token: str, choice: int, option: PermissionOption | None = None) -> None:
        """Without `option` it only stands for a button that was pressed."""
        name = visible(option.name.strip()) if option is not None else ""
        label = (name if len(name) <= LABEL else f"{name[: LABEL - 1]}…") or "(no name)"
        style = _KINDS.get(option.kind, discord.ButtonStyle.secondary) if option else discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"threadline:answer:{token}:{choice}"))
        self.token = token
        self.choice = choice

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: Any, /
    ) -> "AnswerButton":
        """Make the item that handles a press."""
        return cls(match["token"], int(match["choice"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hand the press to the client."""
        await interaction.client.pressed_answer(interaction, self.token, self.choice)


def describe(tool_call: ToolCallUpdate) -> tuple[str, str]:
    """Return what will be done: a headline, and the whole of the request as plain text."""
    title = visible(tool_call.title or "Use a tool")
    kind = f" ({escape(visible(tool_call.kind)[:40])})" if tool_call.kind else ""
    parts = [tool_call.title or ""] if len(title) > TITLE else []
    parts.extend(
        f"{location.path}:{location.line}" if location.line else location.path for location in tool_call.locations or ()
    )
    for content in tool_call.content or ():
        match content:
            case Diff():
                parts.append(_diff(content))
            case ToolContent(content=TextBlock(text=text)):
                parts.append(text)
    if tool_call.raw_input not in (None, {}, "", []):
        parts.append(_readable(tool_call.raw_input))
    return f"{escape(title[:TITLE])}{kind}", visible("\n".join(parts))


def _excerpt(detail: str) -> str:
    """Return the beginning that the message has room for; a long run of backticks needs room for a longer fence."""
    excerpt = detail[:DETAIL]
    while len(code_block(excerpt)) > DETAIL + 100:
        excerpt = excerpt[: len(excerpt) // 2]
    return excerpt


def _diff(diff: Diff) -> str:
    before = (diff.old_text or "").splitlines()
    lines = difflib.unified_diff(before, diff.new_text.splitlines(), diff.path, diff.path, lineterm="")
    return "\n".join(lines)


def _readable(raw: Any) -> str:
    """Show a command as one types it, and everything else as JSON."""
    if isinstance(raw, dict) and len(raw) == 1 and isinstance(raw.get("command"), str):
        return f"$ {raw['command']}"
    return raw if isinstance(raw, str) else json.dumps(raw, indent=2, ensure_ascii=False, default=str)
