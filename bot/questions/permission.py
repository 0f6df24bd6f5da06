"""A permission question: a button for each of the agent's options, and always one to deny."""

from collections.abc import Iterator, Sequence

import discord

from acp import OpenQuestions, Question
from acp.schema import PermissionOption, ToolCallUpdate
from bot.access.audit import AuditAction
from bot.access.gate import Right
from bot.interactions.bot_client import Interaction
from bot.interactions.card_access import admit_to_card, record
from bot.interactions.cards import Card, Item, QuestionOrigin
from bot.interactions.components import Button, Menu
from bot.rest.live_message import answer_press
from bot.text.markdown import code_block, shortened
from bot.text.printable import visible
from bot.user_messages import questions as texts

from .tool_description import describe, excerpt, headline

LABEL = 80
"""Characters in a button's label (Discord, Button Structure)."""

BUTTONS = 25
"""Buttons on a message: five rows of five."""

MENU = 25
MENU_LABEL = 100
MENUS = 4
"""Options of a menu, characters of each, and menus on a message; the fifth row is for Deny."""

SHOWN = MENU * MENUS
"""Options of a question that a card can show."""

DENY = "deny"
"""Our own choice if no shown option rejects. It answers with the agent's rejection, or else `cancelled`."""

_KINDS = {
    "allow_once": (discord.ButtonStyle.success, "✅"),
    "allow_always": (discord.ButtonStyle.primary, "✅"),
    "reject_once": (discord.ButtonStyle.danger, "❌"),
    "reject_always": (discord.ButtonStyle.danger, "❌"),
}
"""How each kind of option looks: an option may be called anything."""

_ALLOWS = frozenset({"allow_once", "allow_always"})
_REJECTS = frozenset({"reject_once", "reject_always"})
_LASTS = frozenset({"allow_always", "reject_always"})


class PermissionCard(Card):
    """Asks whether the agent may do something; the answer is one of its options."""

    heading = texts.PERMISSION

    def __init__(
        self,
        question: Question,
        questions: OpenQuestions,
        call: ToolCallUpdate,
        where: QuestionOrigin,
        *,
        directory: str = "",
        changed: bool = False,
        why: str = "",
    ) -> None:
        """`call` has everything known of the tool call, which may be more than the question repeats.

        `directory` is the session's: paths inside are relative to it.
        `changed`: the agent has changed its request. `why`: the reason that the configuration did not decide it.
        Raises `TooLong`.
        """
        super().__init__(questions, question.request_id, where)
        self.question = question
        self.call = call
        self.described = describe(call, directory, self._cut_names())
        self._rest = self.described.rest
        self._shown = excerpt(self._rest)
        self._denies = not any(option.kind in _REJECTS for option in question.options[:SHOWN])
        self._changed = changed
        self._why = why

    @property
    def title(self) -> str:
        """The command, or else the title."""
        return headline(self.call)

    @property
    def subject(self) -> str:
        """The command, the file or the title."""
        return self.described.subject

    @property
    def text(self) -> str:
        """What is to be done, and the rest of the request in a code block."""
        if not self._rest:
            return self.described.action
        more = f"\n-# {texts.REST_ATTACHED}" if self._shown != self._rest else ""
        return f"{self.described.action}\n{code_block(self._shown, self.described.language)}{more}"

    @property
    def request(self) -> str:
        """The whole request."""
        return f"{self.described.action}\n{self._rest}"

    def _cut_names(self) -> Iterator[str]:
        """Yield the names that are too long for a button: the scope of an allowance is usually at their end."""
        for number, option in enumerate(self.question.options[:SHOWN], start=1):
            name = option.name.strip()
            if len(visible(name, LABEL + 1)) > LABEL:
                yield f"[choice {number}: {name}]"

    @property
    def notes(self) -> list[str]:
        """The remarks on this question."""
        notes = [texts.CHANGED] if self._changed else []
        notes += [texts.always_asked(self._why)] if self._why else []
        notes += [texts.DENY_ENDS] if self.question.rejection is None else []
        more = len(self.question.options) - SHOWN
        return notes + ([texts.options_left_out(more)] if more > 0 else [])

    @property
    def files(self) -> list[tuple[str, bytes]]:
        """The whole request, if the message has only its beginning."""
        shown = self._shown == self._rest
        return [] if shown else [("request.txt", self._rest.encode(errors="replace"))]

    def items(self) -> Iterator[Item]:
        """Yield a button for each option, with the agent's order and names; menus for very many."""
        options = self.question.options
        if len(options) + self._denies <= BUTTONS:
            for choice, option in enumerate(options):
                yield self._button(str(choice), _label(option, LABEL), option.kind)
        else:
            for menu, start in enumerate(range(0, min(len(options), SHOWN), MENU)):
                yield self._menu(menu, options[start : start + MENU])
        if self._denies:
            yield self._button(DENY, texts.DENY, "reject_once")

    def _button(self, choice: str, label: str, kind: str | None) -> "AnswerButton":
        style, emoji = _KINDS.get(kind or "", (discord.ButtonStyle.secondary, None))
        button = discord.ui.Button[discord.ui.View](label=label, style=style, emoji=emoji)
        return AnswerButton(button, token=self.token, choice=choice)

    def _menu(self, number: int, options: Sequence[PermissionOption]) -> "AnswerMenu":
        """Return a menu; its values are the indices of the options."""
        first = number * MENU
        menu = discord.ui.Select[discord.ui.View](
            placeholder=texts.option_range(first + 1, first + len(options)),
            options=[
                discord.SelectOption(
                    label=_label(option, MENU_LABEL), value=str(choice), emoji=_KINDS.get(option.kind, (None, None))[1]
                )
                for choice, option in enumerate(options, first)
            ],
        )
        return AnswerMenu(menu, token=self.token, menu=number)

    def option(self, choice: str) -> PermissionOption | None:
        """Return the option of a choice; None for Deny, or an unknown choice."""
        options = self.question.options
        return options[int(choice)] if choice.isdecimal() and int(choice) < len(options) else None

    def right(self, choice: str) -> Right:
        """Return the right that a choice needs: an effect that lasts, or may last, needs more than an answer."""
        option = self.option(choice)
        if option is None or option.kind in _REJECTS:
            return Right.APPROVE
        lasts = option.kind != "allow_once" or self.call.kind == "switch_mode"
        return Right.CHANGE if lasts else Right.APPROVE

    def audit_action(self, choice: str) -> AuditAction:
        """Return the audited action of a choice."""
        option = self.option(choice)
        if option is None or option.kind in _REJECTS:
            return "denied"
        return "approved" if option.kind in _ALLOWS else "answered"

    def answer(self, choice: str, by: int) -> str | None:
        """Answer the agent; return the line that the message becomes. None: it is answered already, or over."""
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
        if option is None:
            return self.mark_answered(texts.decided("reject_once", by))
        alone = option.kind in _KINDS and [each.kind for each in self.question.options].count(option.kind) == 1
        return self.mark_answered(texts.decided(option.kind, by, "" if alone else visible(option.name.strip(), LABEL)))


def _label(option: PermissionOption, most: int) -> str:
    """Return an option's name, which says so if the choice lasts."""
    name = visible(option.name.strip(), most + 1) or texts.NO_NAME
    if option.kind in _LASTS and "always" not in name.casefold():
        name = texts.lasting(name)
    return shortened(name, most)


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
        record(interaction, card, card.audit_action(choice), option.name if option is not None else texts.DENY)
        await answer_press(interaction, content, card.post)
    else:
        await interaction.response.send_message(texts.no_longer_open(texts.became(None)), ephemeral=True)
