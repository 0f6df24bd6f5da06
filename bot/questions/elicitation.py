"""An elicitation: an agent asks for a form's values or for opening a page; a person accepts, declines or cancels."""

from collections.abc import Iterator, Mapping, Sequence

import discord

from acp import Accept, Decline, Elicitation, OpenQuestions
from bot.interactions.bot_client import Interaction
from bot.interactions.card_access import admit_to_card, record
from bot.interactions.cards import Card, Item, QuestionOrigin
from bot.interactions.components import Button, view_of
from bot.rest.live_message import answer_press
from bot.text.markdown import code_block, escape
from bot.text.page_address import UnsafeAddress, host_of
from bot.text.printable import visible
from bot.user_messages import form_errors
from bot.user_messages import questions as texts

from .form_schema import Entered, Field, UnusableForm, fields_of, text_of
from .form_values import InvalidValue, lines_of, parse_value
from .modal import FormModal, describe_field
from .pattern_check import find_mismatches
from .tool_description import TITLE, excerpt

FIELDS_PER_STEP = 5
"""Fields in a modal (Discord, Modal)."""

SHOWN, FIELD = 8, 30
"""Fields whose titles the card shows, and characters of each."""

MOST_DRAFTS = 20
"""People whose entries in one form are kept between its steps."""


def make_card(asked: Elicitation, questions: OpenQuestions, where: QuestionOrigin) -> "ElicitationCard":
    """Return the card of an elicitation. Raises `UnusableForm` if people cannot, or should not, answer it."""
    return PageCard(asked, questions, where) if asked.mode == "url" else FormCard(asked, questions, where)


class ElicitationCard(Card):
    """A question that may be declined, or cancelled without an answer."""

    def __init__(self, asked: Elicitation, questions: OpenQuestions, where: QuestionOrigin) -> None:
        """`Cards.open` posts it."""
        super().__init__(questions, asked.request_id, where)
        self.asked = asked
        self._message = visible(asked.message)

    @property
    def title(self) -> str:
        """The beginning of the agent's message."""
        return " ".join(self._message.split())[:TITLE] or texts.NO_MESSAGE

    @property
    def subject(self) -> str:
        """The beginning of the agent's message."""
        return escape(self.title)

    @property
    def request(self) -> str:
        """The agent's whole message."""
        return self._message

    @property
    def text(self) -> str:
        """The agent's message, or its beginning."""
        if len(self._message) <= TITLE and "\n" not in self._message:
            return escape(self._message)
        more = f"\n-# {texts.REST_ATTACHED}" if excerpt(self._message) != self._message else ""
        return f"\n{code_block(excerpt(self._message))}{more}"

    @property
    def files(self) -> Sequence[tuple[str, bytes]]:
        """The agent's whole message, if the card has only its beginning."""
        shown = excerpt(self._message) == self._message
        return [] if shown else [("message.txt", self._message.encode(errors="replace"))]

    def decline_or_cancel(self, action: str, by: int) -> str | None:
        """Decline or cancel; return the line that the message becomes. None: it is answered already, or over."""
        if action == "decline":
            given = self.questions.answer(self.request_id, Decline())
        else:
            given = self.questions.withdraw(self.request_id)
        verdict = texts.declined(by) if action == "decline" else texts.cancelled(by)
        return self.mark_answered(verdict) if given else None

    def items(self) -> Iterator[Item]:
        """Yield Decline and Cancel."""
        yield elicitation_button(self.token, "decline")
        yield elicitation_button(self.token, "cancel")


class FormCard(ElicitationCard):
    """A form in steps of at most five fields."""

    heading = texts.FORM

    def __init__(self, asked: Elicitation, questions: OpenQuestions, where: QuestionOrigin) -> None:
        """Raises `UnusableForm`."""
        super().__init__(asked, questions, where)
        self.fields = fields_of(asked.schema)
        self.steps = [
            self.fields[start : start + FIELDS_PER_STEP] for start in range(0, len(self.fields), FIELDS_PER_STEP)
        ]
        self._title = " ".join(visible(text_of(asked.schema, "title")).split())
        if description := text_of(asked.schema, "description"):
            self._message += f"\n{visible(description)}"
        self._sheet = (
            "" if all(map(FormModal.holds, self.fields)) else "\n\n".join(map(describe_field, self.fields)) + "\n"
        )
        self.drafts: dict[int, dict[str, Entered]] = {}
        """Each person's entries so far."""
        self._unfit: set[tuple[int, str]] = set()

    @property
    def notes(self) -> list[str]:
        """The fields, and the number of steps."""
        shown = [escape(visible(field.title, FIELD)) + r"\*" * field.required for field in self.fields[:SHOWN]]
        more = len(self.fields) - len(shown)
        notes = [texts.fields(shown, more, len(self.steps))] if self.fields else []
        return [*notes, texts.FORM_ATTACHED] if self._sheet else notes

    @property
    def files(self) -> list[tuple[str, bytes]]:
        """The agent's message if it is long, and the form if the modal cannot show all of it."""
        return [*super().files, *([("form.txt", self._sheet.encode(errors="replace"))] if self._sheet else [])]

    def items(self) -> Iterator[Item]:
        """Yield Fill in, Decline and Cancel."""
        yield elicitation_button(self.token, "0", texts.FILL_IN if self.fields else texts.ACCEPT)
        yield from super().items()

    def form(self, step: int, user_id: int) -> FormModal:
        """Return the modal of a step, with the person's earlier entries."""
        parts = [texts.step(step + 1, len(self.steps))] if len(self.steps) > 1 else []
        title = ": ".join([*parts, self._title] if self._title else parts) or texts.MODAL_TITLE
        return FormModal(f"threadline:form:{self.token}:{step}", title, self.steps[step], self.drafts.get(user_id, {}))

    async def enter(self, step: int, user_id: int, given: Mapping[str, Entered]) -> list[str]:
        """Store a person's entries in a step; return their problems, a line each."""
        draft = self.drafts.setdefault(user_id, {})
        draft.update({field.name: given.get(field.name) for field in self.steps[step]})
        if len(self.drafts) > MOST_DRAFTS:
            del self.drafts[next(iter(self.drafts))]
        problems = [*_problems(self.steps[step], draft), *await self._mismatches(step, user_id, dict(draft))]
        return [f"**{escape(visible(field.title, 100))}** {escape(visible(why))}" for field, why in problems]

    async def _mismatches(self, step: int, user_id: int, draft: Mapping[str, Entered]) -> list[tuple[Field, str]]:
        texts = [(field, *pair) for field in self.steps[step] for pair in _patterned(field, draft.get(field.name))]
        places = await find_mismatches([(pattern, text) for _, pattern, text in texts])
        found = {texts[place][0].name: texts[place] for place in places}
        self._unfit -= {(user_id, field.name) for field in self.steps[step]}
        self._unfit |= {(user_id, name) for name in found}
        return [(field, form_errors.must_match(pattern[:100])) for field, pattern, _ in found.values()]

    def next_step(self, user_id: int) -> int | None:
        """Return the first step that the person has yet to fill in; None if all entries are valid."""
        draft = self.drafts.get(user_id, {})
        undone = (
            number
            for number, fields in enumerate(self.steps)
            if any(field.name not in draft or (user_id, field.name) in self._unfit for field in fields)
            or any(True for _ in _problems(fields, draft))
        )
        return next(undone, None)

    def accept(self, by: int, *, here: bool) -> str | None:
        """Send the person's entries; return the line that the message becomes. None: it is answered or over."""
        draft = self.drafts.get(by, {})
        values = {field.name: parse_value(field, draft.get(field.name)) for field in self.fields}
        content = {name: value for name, value in values.items() if value is not None}
        if not self.questions.answer(self.request_id, Accept(content)):
            return None
        return self.mark_answered(texts.filled_in(by), here=here)


def _patterned(field: Field, given: Entered) -> Iterator[tuple[str, str]]:
    """Yield each pattern of a field with the text that must match it."""
    if field.pattern and given:
        yield field.pattern, str(given)
    if field.item is not None and field.item.pattern:
        for line in lines_of(given):
            yield field.item.pattern, line


def _problems(fields: Sequence[Field], draft: Mapping[str, Entered]) -> Iterator[tuple[Field, str]]:
    for field in fields:
        try:
            parse_value(field, draft.get(field.name))
        except InvalidValue as wrong:
            yield field, str(wrong)


class PageCard(ElicitationCard):
    """A page to visit. Only the person who opens it gets the link."""

    heading = texts.PAGE

    def __init__(self, asked: Elicitation, questions: OpenQuestions, where: QuestionOrigin) -> None:
        """Raises `UnusableForm` unless the address is plain https."""
        super().__init__(asked, questions, where)
        self.url = asked.url or ""
        try:
            self.host = host_of(self.url)
        except UnsafeAddress as unsafe:
            raise UnusableForm(form_errors.ADDRESSES[unsafe.fault]) from None

    @property
    def notes(self) -> list[str]:
        """The host of the page."""
        return [texts.leads_to(self.host)]

    def items(self) -> Iterator[Item]:
        """Yield Open, Decline and Cancel."""
        yield elicitation_button(self.token, "open", texts.OPEN_PAGE)
        yield from super().items()

    def accept(self, by: int) -> bool:
        """Tell the agent that the person opens the page. False: it is answered already, or over."""
        given = self.questions.answer(self.request_id, Accept())
        if given:
            self.mark_answered(texts.opened(self.host, by), here=False)
        return given

    def link(self) -> discord.ui.View:
        """Return the link button."""
        return view_of(discord.ui.Button(label=texts.open_host(self.host)[:80], url=self.url))

    def completed(self) -> None:
        """Show that the agent reports the visit as completed, even if it did not start from the card."""
        verdict = texts.visited(self.host)
        if not self.answered and self.questions.answer(self.request_id, Accept()):
            self.mark_answered(verdict, here=False)
        elif self.answered and self.post is not None:
            self.post.show(texts.answered(verdict, self.subject))


class ElicitationButton(
    Button, template=r"threadline:elicit:(?P<token>[0-9a-f]{16}):(?P<action>[0-9]{1,2}|open|decline|cancel)"
):
    """Fill in a step of a form, open a page, decline, or cancel."""

    token: str
    action: str
    """A step's number, `open`, `decline` or `cancel`."""

    async def handle(self, interaction: Interaction) -> None:
        """Act, if the person may."""
        card = await admit_to_card(interaction, ElicitationCard, self.token)
        if card is None:
            return
        by = interaction.user.id
        match card:
            case FormCard() if self.action.isdecimal() and int(self.action) < len(card.steps):
                await interaction.response.send_modal(card.form(int(self.action), by))
            case FormCard() if self.action == "0" and (content := card.accept(by, here=True)):
                record(interaction, card, "approved", "accepted")
                await answer_press(interaction, content, card.post)
            case PageCard() if self.action == "open" and card.accept(by):
                record(interaction, card, "approved", f"opened {card.host}")
                text = f"{texts.leads_to(card.host)}\n{code_block(card.url)}"
                await interaction.response.send_message(text, view=card.link(), ephemeral=True)
            case _ if self.action in ("decline", "cancel") and (content := card.decline_or_cancel(self.action, by)):
                record(interaction, card, "denied", self.action)
                await answer_press(interaction, content, card.post)
            case _:
                await interaction.response.send_message(texts.no_longer_open(texts.became(None)), ephemeral=True)


def elicitation_button(token: str, action: str, label: str = "") -> ElicitationButton:
    """Return a button. Its default label is the action."""
    styles = {"decline": discord.ButtonStyle.danger, "cancel": discord.ButtonStyle.secondary}
    style = styles.get(action, discord.ButtonStyle.primary)
    button = discord.ui.Button[discord.ui.View](label=label or action.capitalize(), style=style)
    return ElicitationButton(button, token=token, action=action)
