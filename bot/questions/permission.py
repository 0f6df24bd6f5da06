"""A permission question: a button for each of the agent's options, and always one to deny."""

import time
from collections.abc import Iterator, Sequence
from functools import partial

import discord

from acp import OpenQuestions, Question, Subagent
from acp.jsonrpc import RequestId
from acp.schema import PermissionOption, ToolCallUpdate
from bot.access.audit import AuditAction
from bot.access.gate import Right
from bot.interactions.bot_client import Interaction
from bot.interactions.card_access import admit_to_card, record
from bot.interactions.cards import Card, Item, QuestionOrigin
from bot.interactions.components import Button, Menu, view_of
from bot.rest.live_message import answer_press
from bot.text.markdown import code_block, shortened
from bot.text.printable import visible
from bot.user_messages import access
from bot.user_messages import questions as texts
from pool.journal.command_rules import CommandRule
from pool.journal.errors import JournalUnwritable

from .form_schema import Field
from .modal import FormModal
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

REASON = (Field("reason", texts.REASON_FIELD, "text", required=True),)
"""The form for the reason of a rejection."""

MOST_RULES = 25
"""Rules of a thread, as many as a menu shows."""

MOST_EQUAL = 100
"""Equal questions that one card answers."""

SHOWN_FIELDS = ("title", "kind", "content", "locations", "raw_input")
"""The fields of a tool call that a question shows."""

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
        rules: Sequence[str] = (),
    ) -> None:
        """`call` has everything known of the tool call, which may be more than the question repeats.

        `directory` is the session's: paths inside are relative to it.
        `changed`: the agent has changed its request. `why`: the reason that the configuration did not decide it.
        `rules`: those that would allow it without a question from now on.
        Raises `TooLong`.
        """
        super().__init__(questions, question.request_id, where)
        self.question = question
        self._equal: list[tuple[Question, str]] = []
        """Further requests of the same, each with the id of its tool call."""
        self.call = call
        self.described = describe(call, directory, self._cut_names())
        self._rest = self.described.rest
        self._shown = excerpt(self._rest)
        self._denies = not any(option.kind in _REJECTS for option in question.options[:SHOWN])
        self.rules = rules
        self._changed = changed
        self._why = why

    # ---- equal questions

    @property
    def request_ids(self) -> Sequence[RequestId]:
        """The requests that an answer ends."""
        return [self.request_id, *(question.request_id for question, _ in self._equal)]

    def merge(self, question: Question, call: ToolCallUpdate) -> bool:
        """Answer this question too if it asks the same; return whether it does."""
        same = _asker(question) == _asker(self.question) and question.options == self.question.options
        same = same and all(getattr(call, name) == getattr(self.call, name) for name in SHOWN_FIELDS)
        if not same or self.answered or len(self._equal) + 1 >= MOST_EQUAL:
            return False
        self._equal.append((question, call.tool_call_id))
        self.refresh()
        return True

    def drop(self, request_id: RequestId) -> bool:
        """Stop answering one of several equal questions. Return False if it is the only one."""
        if not self._equal:
            return False
        if request_id == self.request_id:
            self.question, tool_call_id = self._equal.pop(0)
            self.request_id = self.question.request_id
            self.call = self.call.model_copy(update={"tool_call_id": tool_call_id})
        else:
            self._equal = [each for each in self._equal if each[0].request_id != request_id]
        self.refresh()
        return True

    @property
    def asked(self) -> list[Question]:
        """All questions that an answer ends."""
        return [self.question, *(question for question, _ in self._equal)]

    def asked_for(self, tool_call_id: str, subagent: Subagent | None) -> list[Question]:
        """Return the questions about one tool call of the agent or of a subagent."""
        if _asker(self.question) != (None if subagent is None else subagent.session_id):
            return []
        asked = [(self.question, self.call.tool_call_id), *self._equal]
        return [question for question, about in asked if about == tool_call_id]

    # ---- its message

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
        notes += [texts.asked_times(len(self._equal) + 1)] if self._equal else []
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
        if self.takes_reason:
            yield _own_button(ReasonButton, texts.REASON_BUTTON, self.token)
        if self.rules and self._has_room:
            yield _own_button(GrantButton, texts.grant_button(self.rules[-1]), self.token)

    @property
    def _has_room(self) -> bool:
        """Whether the bot's own two buttons fit."""
        return len(self.question.options) + self._denies + 2 <= BUTTONS

    @property
    def takes_reason(self) -> bool:
        """Whether it can be rejected with a reason: without ending the turn, and where there is room for the button."""
        return self.question.rejection is not None and self._has_room

    def grant(self, by: int, rule: str) -> bool:
        """Allow this once, as a rule allows the next. False: it is answered already, or over."""
        once = next((option.option_id for option in self.question.options if option.kind == "allow_once"), None)
        if once is None or not self._give(once):
            return False
        self.mark_answered(texts.granted(by, rule), here=False)
        return True

    def reject(self, by: int, reason: str) -> str | None:
        """Reject with a reason; return the line that the message becomes. None: it is answered already, or over."""
        if self.question.rejection is None or not self._give(self.question.rejection):
            return None
        return self.mark_answered(texts.rejected_because(by, reason))

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
        if option is None and (choice != DENY or not self._denies):
            return None
        answer = rejection if option is None else option.option_id
        if not self._give(answer):
            return None
        if option is None:
            return self.mark_answered(texts.decided("reject_once", by))
        alone = option.kind in _KINDS and [each.kind for each in self.question.options].count(option.kind) == 1
        return self.mark_answered(texts.decided(option.kind, by, "" if alone else visible(option.name.strip(), LABEL)))

    def _give(self, answer: str | None) -> bool:
        """Answer all requests, or with None end them; return whether one of them was open."""
        give = self.questions.withdraw if answer is None else partial(self.questions.answer, answer=answer)
        return True in [give(request_id) for request_id in self.request_ids]


def _asker(question: Question) -> str | None:
    """Return the session of the subagent that asks, if it is one: their tool calls may have equal ids."""
    return None if question.subagent is None else question.subagent.session_id


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


class ReasonButton(Button, template=r"threadline:reason:(?P<token>[0-9a-f]{16})"):
    """Reject with a reason, which `bot.questions.rejection_reason` takes."""

    token: str

    async def handle(self, interaction: Interaction) -> None:
        """Open the form, if the person may answer."""
        card = await admit_to_card(interaction, PermissionCard, self.token)
        if card is not None:
            form = FormModal(f"threadline:because:{self.token}", texts.REASON_TITLE, REASON, {})
            await interaction.response.send_modal(form)


class GrantButton(Button, template=r"threadline:grant:(?P<token>[0-9a-f]{16})"):
    """Allow such commands in this thread from now on."""

    token: str

    async def handle(self, interaction: Interaction) -> None:
        """Offer the rules to choose from, if the person may make one."""
        card = await admit_to_card(interaction, PermissionCard, self.token, lambda _card: Right.GRANT)
        if card is not None:
            options = [
                discord.SelectOption(label=texts.rule_label(rule), value=str(number))
                for number, rule in enumerate(card.rules)
            ]
            menu = discord.ui.Select[discord.ui.View](placeholder=texts.CHOOSE_RULE, options=options)
            view = view_of(RuleMenu(menu, token=self.token))
            await interaction.response.send_message(texts.GRANT_ABOUT, view=view, ephemeral=True)


class RuleMenu(Menu, template=r"threadline:rule:(?P<token>[0-9a-f]{16})"):
    """The rules that would allow a question's command."""

    token: str

    async def handle(self, interaction: Interaction) -> None:
        """Make the rule and answer the question, if the person may."""
        card = await admit_to_card(interaction, PermissionCard, self.token, lambda _card: Right.GRANT)
        if card is None:
            return
        client, by, thread_id = interaction.client, interaction.user.id, card.origin.channel_id
        chosen = next(iter(self.item.values), "")
        rule = card.rules[int(chosen)] if chosen.isdecimal() and int(chosen) < len(card.rules) else None
        if rule is None or len(client.cards.rules(thread_id)) >= MOST_RULES:
            told = texts.no_longer_open(texts.TURN_ENDED) if rule is None else texts.TOO_MANY_RULES
            await interaction.response.edit_message(content=told, view=None)
            return
        try:
            client.journal.command_rules.add(CommandRule(thread_id, rule, by, time.time()))
        except JournalUnwritable:
            await interaction.response.edit_message(content=access.NOT_DONE, view=None)
            return
        client.audit.record("changed", texts.rule_audit(rule), user_id=by, thread_id=thread_id)
        if card.grant(by, rule):
            record(interaction, card, "approved", texts.rule_audit(rule))
        await interaction.response.edit_message(content=texts.RULE_MADE, view=None)


def _own_button(kind: type[ReasonButton] | type[GrantButton], label: str, token: str) -> ReasonButton | GrantButton:
    return kind(discord.ui.Button(label=label, style=discord.ButtonStyle.secondary), token=token)


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
