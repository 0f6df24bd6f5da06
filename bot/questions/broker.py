"""Answers an agent's questions by the configuration, or puts them to people on cards."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from acp import Decline, Elicitation, OpenQuestions, Place, Question, Subagent
from acp.defects import Defect
from acp.jsonrpc import RequestId
from acp.schema import ToolCallUpdate
from bot.access.audit import AuditAction
from bot.interactions.cards import Card, Cards, QuestionOrigin
from bot.render.tool_calls import merged
from bot.text.printable import visible
from bot.text.sizes import MAX_FILE_BYTES
from bot.user_messages import questions as texts
from bot.user_messages import subagents as subagent_texts

from .auto_approval import Allow, AskPerson, Decision, Deny, decide, lone_command, paths_of
from .command_rules import rules_for
from .description_size import CODED, exceeds
from .elicitation import PageCard, make_card
from .far_paths import FarPaths, known
from .form_schema import UnusableForm
from .permission import SHOWN_FIELDS, PermissionCard
from .session_paths import RealPath
from .tool_description import TooLong, headline

MOST_OPEN = 20
"""Questions of one turn that may be open, or not posted yet, at the same time; further ones are rejected."""

LONGEST_FORM = 1_000_000
"""Approximate characters of a form; searching them for invisible ones takes some tenths of a second."""

MOST_LINES = 50
"""Lines of a reply about questions that were answered without a person."""

ASKING = frozenset({"ask", "allow_reads"})
"""The permissions under which a thread may have rules."""

ALLOWING = frozenset({"allow_reads", "allow_all"})
"""The permissions that allow some calls unasked."""

MOST_CHANGES = 5
"""Changes of a question before it is rejected: each change pings people."""


class QuestionBroker:
    """The questions of one turn, or those that an agent asks outside its turns, in one thread."""

    def __init__(
        self,
        cards: Cards,
        questions: OpenQuestions,
        where: QuestionOrigin,
        *,
        directories: Sequence[Path] = (),
        place: Place | None = None,
        tell: Callable[[str], None],
    ) -> None:
        """`questions` takes the answers, `directories` are the session's; `tell` adds a line to the reply.

        `place` is the agent's, None for this machine.
        """
        self._cards = cards
        self._directories = directories
        self._directory = str(directories[0]) if directories else ""
        self._far = None if place is None or place.near else FarPaths(place)
        self._real: RealPath = os.path.realpath if self._far is None else known({})
        """Resolves what can be resolved without a wait."""
        self._questions = questions
        self._where = where
        self._tell = tell
        self._open: list[Card] = []
        self._unposted: list[Card] = []
        """The cards that Discord has neither taken nor refused; some may be closed already."""
        self._count = 0
        self._lines = 0
        self._changes: dict[RequestId, int] = {}

    def name(self, link: str) -> None:
        """Name a message, which the turn has taken in, on later questions."""
        self._where = replace(self._where, also_read=(*self._where.also_read, link))

    # ---- what the agent asks

    def ask(self, question: Question, call: ToolCallUpdate) -> None:
        """Decide a question, or ask people; `call` has everything known of the tool call."""
        # A reused id names another question, which the old card must not answer.
        self.close(texts.REPLACED, question.request_id)
        if self._far is None or not (paths := self._paths(question, call)):
            self._settle(question, call, self._real)
        elif len(self._far) >= MOST_OPEN:
            self._reject(question, call, texts.TOO_MANY)
        else:
            self._far.look_up(question, call, paths, self._looked_up)

    def _looked_up(self, question: Question, call: ToolCallUpdate, found: Mapping[str, str]) -> None:
        """Decide a question about paths of another machine. A person decides about one that was not looked up."""
        complete = found.keys() >= {*self._paths(question, call)}
        self._settle(question, call, known(found), doubt="" if complete else texts.PATHS_UNKNOWN)

    def _paths(self, question: Question, call: ToolCallUpdate) -> tuple[str, ...]:
        """Return the paths that a decision needs."""
        if self._is_elsewhere(question.subagent):
            return ()
        return paths_of(self._cards.permission(self._where.channel_id), call, self._directories)

    def _settle(self, question: Question, call: ToolCallUpdate, real: RealPath, *, doubt: str = "") -> None:
        match self._decide(question, call, real, doubt):
            case Allow(option_id):
                self._record("approved", texts.AS_CONFIGURED, call)
                self._questions.answer(question.request_id, option_id)
            case Deny():
                self._reject(question, call, texts.AS_CONFIGURED)
            case AskPerson(reason):
                rules = self._rules(question, call, real)
                given = next((rule for rule in self._cards.rules(self._where.channel_id) if rule in rules), None)
                if given is None:
                    self._ask_people(question, call, real, why=reason)
                else:
                    self._record("approved", texts.by_rule(given), call)
                    self._questions.answer(question.request_id, _once(question) or "")

    def _decide(self, question: Question, call: ToolCallUpdate, real: RealPath, doubt: str) -> Decision:
        permission = self._cards.permission(self._where.channel_id)
        if permission in ALLOWING and self._is_elsewhere(question.subagent):
            return AskPerson(subagent_texts.ELSEWHERE)
        if permission in ALLOWING and doubt:
            return AskPerson(doubt)
        return decide(permission, question, call, self._directories, real)

    def _is_elsewhere(self, subagent: Subagent | None) -> bool:
        """Whether relative paths of a question may mean other files than those in the session's directory."""
        if subagent is None:
            return False
        return not self._directories or (subagent.cwd != "" and Path(subagent.cwd) != self._directories[0])

    def _rules(self, question: Question, call: ToolCallUpdate, real: RealPath) -> tuple[str, ...]:
        """Return the rules that would allow this in the thread; none where only a person may decide."""
        if self._cards.permission(self._where.channel_id) not in ASKING or _once(question) is None:
            return ()
        if self._is_elsewhere(question.subagent):
            return ()
        command = lone_command(call, self._directories, real)
        return () if command is None else tuple(rules_for(command))

    def elicit(self, asked: Elicitation) -> None:
        """Ask for values, or for a visit to a page; decline what people cannot answer."""
        self.close(texts.REPLACED, asked.request_id)
        if exceeds((asked.message, asked.schema, asked.url), LONGEST_FORM, coded=CODED):
            self._decline(asked.request_id, texts.TOO_LARGE)
            return
        try:
            card = make_card(asked, self._questions, self._where)
        except UnusableForm as unusable:
            self._decline(asked.request_id, str(unusable))
            return
        card.asked_by = self._asked_by(asked.subagent)
        if _is_too_large(card):
            self._decline(asked.request_id, texts.TOO_LARGE)
            return
        if self._is_full():
            self._decline(asked.request_id, texts.TOO_MANY)
            return
        if isinstance(card, PageCard) and asked.elicitation_id is not None:
            self._cards.remember_page(self._where.channel_id, asked.elicitation_id, card.completed)
        self._add(card)

    def unreadable(self, defect: Defect) -> None:
        """Report a question that cannot be read."""
        self._cards.audit.record("denied", f"cannot be read: {defect}", user_id=None, thread_id=self._where.channel_id)
        self._say(texts.unreadable(defect))

    def _decline(self, request_id: RequestId, why: str) -> None:
        self._say(texts.not_asked(visible(why)))
        self._questions.answer(request_id, Decline())

    def _ask_people(self, question: Question, call: ToolCallUpdate, real: RealPath, **said: Any) -> None:
        """Ask people, unless they are asked the same already, the question is too large or too many are open."""
        if any(isinstance(card, PermissionCard) and card.merge(question, call) for card in self._open):
            return
        if self._is_full():
            self._reject(question, call, texts.TOO_MANY)
            return
        card = self._card(question, call, real, **said)
        if card is None:
            self._reject(question, call, texts.TOO_LARGE)
        else:
            self._add(card)

    def _card(self, question: Question, call: ToolCallUpdate, real: RealPath, **said: Any) -> PermissionCard | None:
        """Return a card; None if it cannot show the whole question."""
        if exceeds((call, question.options), MAX_FILE_BYTES):
            return None
        try:
            said |= {"directory": self._directory, "rules": self._rules(question, call, real)}
            card = PermissionCard(question, self._questions, call, self._where, **said)
        except TooLong:
            return None
        card.asked_by = self._asked_by(question.subagent)
        return None if _is_too_large(card) else card

    def _asked_by(self, subagent: Subagent | None) -> str:
        """Return the line that names the subagent that asks."""
        if subagent is None:
            return ""
        cwd = subagent.cwd if self._is_elsewhere(subagent) else ""
        return subagent_texts.asks(subagent.title, subagent.description, cwd)

    def _is_full(self) -> bool:
        self._open = [each for each in self._open if not each.answered]
        self._unposted = [each for each in self._unposted if each.message_id is None]
        return max(len(self._open), len(self._unposted)) >= MOST_OPEN

    def _add(self, card: Card) -> None:
        """Post a card, with a number if others are open."""
        self._count = self._count + 1 if self._open else 1
        if self._count > 1:
            card.number = self._count
            first = self._open[0]
            if first.number is None:
                first.renumber(self._count - 1)
        card.on_refused = partial(self._on_refused, card)
        self._open.append(card)
        self._unposted.append(card)
        self._cards.open(card)

    def _on_refused(self, card: Card) -> None:
        """Answer a question that Discord refused to show, or the agent would wait for hours."""
        self._unposted = [each for each in self._unposted if each is not card]
        if card.answered or card not in self._open:
            return
        self._cards.note_unanswered(card, texts.NOT_SHOWN)
        self._remove(card, texts.NOT_SHOWN)
        if isinstance(card, PermissionCard):
            for question in card.asked:
                self._reject(question, card.call, texts.REFUSED)
        else:
            self._decline(card.request_id, texts.REFUSED)

    def _reject(self, question: Question, call: ToolCallUpdate, why: str) -> None:
        """Reject a question without a person, and say so in the reply."""
        self._record("denied", why, call)
        self._say(texts.rejected(why, headline(call)))
        if question.rejection is None:
            self._questions.withdraw(question.request_id)
        else:
            self._questions.answer(question.request_id, question.rejection)

    def _say(self, line: str) -> None:
        self._lines += 1
        if self._lines <= MOST_LINES:
            self._tell(line if self._lines < MOST_LINES else texts.NOT_LISTED)

    def _record(self, action: AuditAction, why: str, call: ToolCallUpdate) -> None:
        self._cards.audit.record(action, f"{why}: {headline(call)}", user_id=None, thread_id=self._where.channel_id)

    def changed(self, update: ToolCallUpdate, subagent: Subagent | None = None) -> None:
        """Ask again on a new card if an update changes the tool call of an open question, which may be a subagent's.

        The old card is closed, so that people only allow what they have seen.
        """
        if self._far is not None:
            self._far.changed(update, subagent)
        told = {name: value for name in SHOWN_FIELDS if (value := getattr(update, name)) is not None}
        for card in [card for card in self._open if isinstance(card, PermissionCard) and not card.answered]:
            asked = card.asked_for(update.tool_call_id, subagent)
            if not asked:
                continue
            # Most updates repeat known values, and describing a large request takes long.
            if all(value == getattr(card.call, name) for name, value in told.items()):
                continue
            call = merged(card.call, update)
            if len(asked) < len(card.request_ids):
                self._split(card, asked, call)
                continue
            changes = self._changes[card.request_id] = self._changes.get(card.request_id, 0) + 1
            new = self._card(card.question, call, self._real, changed=True) if changes <= MOST_CHANGES else None
            if new is not None and new.described == card.described:
                card.call = call
                continue
            self._remove(card, texts.REQUEST_CHANGED)
            questions = card.asked
            if new is not None:
                self._add(new)
                questions = [question for question in questions[1:] if not new.merge(question, call)]
            for question in questions:
                self._reject(question, call, texts.TOO_LARGE if changes <= MOST_CHANGES else texts.KEEPS_CHANGING)

    def _split(self, card: PermissionCard, questions: Sequence[Question], call: ToolCallUpdate) -> None:
        """Ask for themselves the questions of a card whose tool call is no longer equal to the others'."""
        for question in questions:
            card.drop(question.request_id)
            self._ask_people(question, call, self._real, changed=True)

    # ---- their end

    def close(self, reason: str, *request_ids: RequestId) -> None:
        """Close the cards of these requests, or without ids all open ones."""
        if self._far is not None:
            self._far.drop(request_ids)
        for card in [*self._open]:
            gone = [each for each in card.request_ids if not request_ids or each in request_ids]
            if gone and not (request_ids and all(map(card.drop, gone))):
                self._remove(card, reason)

    def _remove(self, card: Card, reason: str) -> None:
        card.close(reason)
        self._open.remove(card)

    def remind(self, request_id: RequestId, seconds_left: float) -> None:
        """Ping those who may answer once more."""
        for card in self._open:
            if card.request_id == request_id and not card.answered:
                self._cards.remind(card, seconds_left)

    def unanswered(self, request_id: RequestId, why: str) -> None:
        """Close an unanswered question with the reason; the agent's next prompt reports it."""
        for card in self._open:
            if card.request_id == request_id and len(card.request_ids) == 1 and not card.answered:
                self._cards.note_unanswered(card, why)
        self.close(why, request_id)


def _once(question: Question) -> str | None:
    """Return the option that allows it once."""
    return next((option.option_id for option in question.options if option.kind == "allow_once"), None)


def _is_too_large(card: Card) -> bool:
    return sum(len(data) for _, data in card.files) > MAX_FILE_BYTES
