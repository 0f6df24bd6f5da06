"""A permission question: a button for each of the agent's options, and always one that denies."""

from collections.abc import Iterator, Sequence

import discord

from acp import OpenQuestions, Question
from acp.schema import PermissionOption, ToolCallUpdate
from bot import user_messages as words
from bot.access.audit import AuditAction
from bot.access.gate import Right
from bot.interactions.bot_client import Interaction
from bot.interactions.card_access import admit_to_card, record
from bot.interactions.cards import Card, Item, QuestionOrigin
from bot.interactions.components import Button, Menu
from bot.rest.live_message import answer_press
from bot.text.markdown import code_block, escape
from bot.text.printable import visible

from .tool_description import describe, excerpt, headline

__all__ = ["AnswerButton", "AnswerMenu", "PermissionCard"]

LABEL = 80
"""Characters in a button's label (Discord, Button Structure)."""

BUTTONS = 25
"""Buttons on a message: five rows of five."""

MENU = 25
MENU_LABEL = 100
MENUS = 4
"""Options of a menu, characters of each, and menus on a message; a fifth row is left for Deny."""

SHOWN = MENU * MENUS
"""Options of a question that can be chosen, the first ones."""

DENY = "deny"
"""The choice that is not the agent's, where none of its own that are shown rejects: its rejection, else `cancelled`."""

_KINDS = {
    "allow_once": discord.ButtonStyle.success,
    "allow_always": discord.ButtonStyle.secondary,
    "reject_once": discord.ButtonStyle.danger,
    "reject_always": discord.ButtonStyle.danger,
}

_ALLOWS = frozenset({"allow_once", "allow_always"})
_REJECTS = frozenset({"reject_once", "reject_always"})


class PermissionCard(Card):
    """May the agent do this? Answered by one of its options."""

    heading = "May I?"

    def __init__(
        self,
        question: Question,
        questions: OpenQuestions,
        call: ToolCallUpdate,
        where: QuestionOrigin,
        *,
        changed: bool = False,
        why: str = "",
    ) -> None:
        """`call` is all that is known of the tool call, not only what the question repeats.

        `changed`: the agent has changed what it asks for. `why` is why the configuration did not decide it.
        Raises `TooLong`.
        """
        super().__init__(questions, question.request_id, where)
        self.question = question
        self.call = call
        self.described = describe(call, self._cut_names())
        self._detail = self.described[1]
        self._shown = excerpt(self._detail)
        self._denies = not any(option.kind in _REJECTS for option in question.options[:SHOWN])
        self._changed = changed
        self._why = why

    @property
    def title(self) -> str:
        """The tool call's."""
        return headline(self.call)

    @property
    def text(self) -> str:
        """What will be done."""
        head, _ = self.described
        if not self._detail:
            return head
        rest = "\n-# The rest is in the attached file." if self._shown != self._detail else ""
        return f"{head}\n{code_block(self._shown)}{rest}"

    def _cut_names(self) -> Iterator[str]:
        """Write out what no button has room for: what is allowed for always mostly stands at the end."""
        for number, option in enumerate(self.question.options[:SHOWN], start=1):
            name = option.name.strip()
            if len(visible(name, LABEL + 1)) > LABEL:
                yield f"[choice {number}: {name}]"

    @property
    def notes(self) -> list[str]:
        """What is special about this one."""
        notes = ["The agent has changed what it wants to do; this is what it says now."] if self._changed else []
        notes += [f"Asked although it could be allowed unasked: {self._why}."] if self._why else []
        notes += [words.DENY_ENDS] if self.question.rejection is None else []
        more = len(self.question.options) - SHOWN
        return notes + ([f"{more} more options cannot be shown."] if more > 0 else [])

    @property
    def files(self) -> list[tuple[str, bytes]]:
        """The whole request, where the message has only its beginning."""
        shown = self._shown == self._detail
        return [] if shown else [("request.txt", self._detail.encode(errors="replace"))]

    def items(self) -> Iterator[Item]:
        """A button for each option, in the agent's order, with the agent's names; menus for very many."""
        options = self.question.options
        if len(options) + self._denies <= BUTTONS:
            for choice, option in enumerate(options):
                yield self._button(
                    str(choice), _label(option, LABEL), _KINDS.get(option.kind, discord.ButtonStyle.secondary)
                )
        else:
            for menu, start in enumerate(range(0, min(len(options), SHOWN), MENU)):
                yield self._menu(menu, options[start : start + MENU])
        if self._denies:
            yield self._button(DENY, "Deny", discord.ButtonStyle.danger)

    def _button(self, choice: str, label: str, style: discord.ButtonStyle) -> "AnswerButton":
        button = discord.ui.Button[discord.ui.View](label=label, style=style)
        return AnswerButton(button, token=self.token, choice=choice)

    def _menu(self, number: int, options: Sequence[PermissionOption]) -> "AnswerMenu":
        """Make a menu; its values are the places among all options."""
        first = number * MENU
        menu = discord.ui.Select[discord.ui.View](
            placeholder=f"Options {first + 1} to {first + len(options)}",
            options=[
                discord.SelectOption(label=_label(option, MENU_LABEL), value=str(choice))
                for choice, option in enumerate(options, first)
            ],
        )
        return AnswerMenu(menu, token=self.token, menu=number)

    def option(self, choice: str) -> PermissionOption | None:
        """Return what a choice stands for; None: Deny, or no choice at all."""
        options = self.question.options
        return options[int(choice)] if choice.isdecimal() and int(choice) < len(options) else None

    def right(self, choice: str) -> Right:
        """What somebody must have the right to do who chooses this: what lasts, or may last, is more than an answer."""
        option = self.option(choice)
        if option is None or option.kind in _REJECTS:
            return Right.APPROVE
        lasts = option.kind != "allow_once" or self.call.kind == "switch_mode"
        return Right.CHANGE if lasts else Right.APPROVE

    def audit_action(self, choice: str) -> AuditAction:
        """What the audit log calls a choice."""
        option = self.option(choice)
        if option is None or option.kind in _REJECTS:
            return "denied"
        return "approved" if option.kind in _ALLOWS else "answered"

    def answer(self, choice: str, by: int) -> str | None:
        """Give the answer to the agent; return what the message says then. None: it is answered already, or over."""
        option, rejection = self.option(choice), self.question.rejection
        if option is not None:
            given = self.questions.answer(self.request_id, option.option_id)
        elif choice != DENY or not self._denies:
            given = False
        elif rejection is not None:
            given = self.questions.answer(self.request_id, rejection)
        else:
            given = self.questions.withdraw(self.request_id)
        if not given:
            return None
        name = escape(visible(option.name, LABEL)) if option is not None else "Denied"
        return self.mark_answered(f"{name} — chosen by <@{by}>")


def _label(option: PermissionOption, most: int) -> str:
    name = visible(option.name.strip(), most + 1)
    return (name if len(name) <= most else f"{name[: most - 1]}…") or "(no name)"


class AnswerButton(Button, template=r"threadline:answer:(?P<token>[0-9a-f]{16}):(?P<choice>[0-9]{1,2}|deny)"):
    """An option of a question, or Deny."""

    token: str
    choice: str

    async def handle(self, interaction: Interaction) -> None:
        """Answer, if the person may."""
        await _answer(interaction, self.token, self.choice)


class AnswerMenu(Menu, template=r"threadline:answers:(?P<token>[0-9a-f]{16}):(?P<menu>[0-9])"):
    """Some of very many options."""

    token: str
    menu: int

    async def handle(self, interaction: Interaction) -> None:
        """Answer, if the person may."""
        await _answer(interaction, self.token, next(iter(self.item.values), ""))


async def _answer(interaction: Interaction, token: str, choice: str) -> None:
    card = await admit_to_card(interaction, PermissionCard, token, lambda card: card.right(choice))
    if card is None:
        return
    content = card.answer(choice, interaction.user.id)
    if content is not None:
        option = card.option(choice)
        record(interaction, card, card.audit_action(choice), option.name if option is not None else "Deny")
        await answer_press(interaction, content, card.post)
    else:
        await interaction.response.send_message(words.became(None), ephemeral=True)
