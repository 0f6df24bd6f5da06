"""Side questions: each is asked of a fork of its thread's session, and answered in one small message."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import discord
import structlog

from acp import AcpError, Text
from acp.schema import TextBlock
from bot.access.gate import Place
from bot.conversation.exchange_context import ExchangeContext
from bot.prompt.formatting import context_block, disarm
from bot.render.page_breaks import take_page
from bot.render.transcript import Transcript
from bot.rest.backoff import ATTEMPTS
from bot.rest.calls import Urgency
from bot.rest.errors import RestError
from bot.rest.live_message import LiveMessage
from bot.text.markdown import LIMIT
from bot.user_messages import agent_errors, commands, to_agents
from bot.user_messages import forks as texts
from pool.exchange import ExchangeRefused
from pool.forks import ForkQuestion, NoSafeMode, SideAnswer
from pool.journal.side_questions import SideQuestion
from pool.pool import Pool
from pool.session_listing import NoSlot

from .background_work import BackgroundWork
from .forks import KEPT, is_shutdown
from .unfinished_replies import UnfinishedReplies

RENDERED: Final = 4000
"""Characters of an answer that are rendered: a message has room for half of them."""

log = structlog.stdlib.get_logger("bot")


class SideQuestions:
    """The side questions that are being answered. A restart ends them, and says so."""

    def __init__(
        self, *, pool: Pool, context: ExchangeContext, drafts: UnfinishedReplies, work: BackgroundWork
    ) -> None:
        """Read what an earlier run has left, which `recover` ends. `drafts` finds messages that it has posted."""
        self._pool = pool
        self._context = context
        self._journal = context.journal
        self._drafts = drafts
        self._work = work
        self._left = self._journal.side_questions.all()
        self._ended: set[int] = set()
        """The questions whose last text is on its way."""

    def is_asking(self, thread_id: int) -> bool:
        """Whether a side question of this thread is being answered."""
        rows = self._journal.side_questions.all()  # That of an answer which Discord refuses stays until the next start.
        return any(each.thread_id == thread_id and each.question_id not in self._ended for each in rows)

    async def begin(self, question: SideQuestion, text: str, session_id: str, author_id: int, place: Place) -> None:
        """Ask a question that is written down, and whose message is posted."""
        work = self._answer(question, text, session_id, author_id, place)
        await self._work.start(work, f"side-question-{question.question_id}")

    async def recover(self) -> None:
        """End the questions of an earlier run, at the first READY."""
        while self._left:
            question = self._left.pop()
            await self._work.start(self._end(question), f"side-question-{question.question_id}")

    async def _end(self, question: SideQuestion) -> None:
        message_id = question.message_id
        if message_id is None:
            try:
                found = partial(self._drafts.find_message, question.thread_id, question.question_id)
                message_id = await found(f"{question.content}\n{texts.SIDE_WAITING}")
            except RestError as error:
                log.info("a side question cannot be looked for", thread_id=question.thread_id, reason=str(error))
        asked = discord.utils.snowflake_time(question.question_id)
        if datetime.now(UTC) - asked > KEPT:  # Its message could not be changed by several runs.
            self._journal.side_questions.end(question.question_id)
        else:
            self._show_last(question, self._message(question, message_id), texts.SIDE_RESTARTED)

    async def _answer(self, question: SideQuestion, text: str, session_id: str, author_id: int, place: Place) -> None:
        message = self._message(question, question.message_id)

        def on_place(place: int, asking: Sequence[int]) -> None:
            state = texts.side_in_line(place, asking) if place else texts.SIDE_STARTED
            message.show(f"{question.content}\n{state}")

        async def admitted() -> None:
            refusal = await self._context.membership.refusal(author_id, place)
            if refusal is not None:
                raise ExchangeRefused(refusal.reason)

        prompt = (TextBlock(text=disarm(text)), context_block({"side_question": to_agents.SIDE_QUESTION}))
        modes = self._context.agents.side_modes(question.thread_id)
        whole = ""
        try:
            asked = ForkQuestion(prompt, modes, admitted)
            answer = await self._pool.forks.ask(question.thread_id, session_id, asked, on_place)
            shown, whole = self._shown(question, answer)
        except NoSlot:
            shown = texts.side_failed(texts.NO_AGENT_FREE)
        except NoSafeMode:
            shown = texts.side_failed(texts.NO_SAFE_MODE)
        except ExchangeRefused as error:
            shown = texts.side_failed(str(error))
        except AcpError as error:
            if is_shutdown(error):
                raise asyncio.CancelledError from error  # The next start says that a restart has ended it.
            log.warning("a side question failed", thread_id=question.thread_id, reason=str(error))
            shown = texts.side_failed(agent_errors.one_line(error, redact=self._context.redact))
        except Exception:  # an isolation boundary: people must learn of it
            log.exception("a side question failed", thread_id=question.thread_id)
            shown = texts.side_failed(commands.FAILED)
        self._show_last(question, message, shown)
        if whole:
            await self._attach(question, whole)

    def _shown(self, question: SideQuestion, answer: SideAnswer) -> tuple[str, str]:
        """Return what follows the question: the answer, as far as it has room. Return also a text that has none."""
        text = self._context.redact(answer.text)
        lines = [texts.side_rejected(answer.rejected)] if answer.rejected else []
        lines.append(texts.SIDE_ANSWERED if answer.stop_reason is not None else texts.SIDE_CUT)
        room = LIMIT - len(question.content) - len("\n".join([texts.SIDE_ATTACHED, *lines])) - 4
        style = self._context.agents.style(question.thread_id)
        transcript = Transcript(style.model_copy(update={"long_code_lines": 0}))  # Code gets no file.
        transcript.apply(Text(text[:RENDERED]))
        transcript.end()
        pages = transcript.pages() or [texts.SIDE_EMPTY]
        transcript.close()
        page = take_page(pages[0], limit=room)
        is_cut = len(text) > RENDERED or len(pages) > 1 or page.end < len(pages[0])
        shown = "\n".join([page.content, *([texts.SIDE_ATTACHED] if is_cut else []), *lines])
        return shown, text if is_cut else ""

    def _message(self, question: SideQuestion, message_id: int | None) -> LiveMessage:
        """Return the message of a question."""

        def done() -> None:
            if question.question_id in self._ended:
                self._ended.discard(question.question_id)
                self._journal.side_questions.end(question.question_id)

        return LiveMessage(
            question.thread_id,
            api=self._context.api,
            nonce=f"side{question.question_id}",
            message_id=message_id,
            on_posted=partial(self._journal.side_questions.posted, question.question_id),
            on_refused=done,
            on_done=done,
        )

    def _show_last(self, question: SideQuestion, message: LiveMessage, text: str) -> None:
        self._ended.add(question.question_id)
        message.show(f"{question.content}\n{text}")

    async def _attach(self, question: SideQuestion, text: str) -> None:
        """Post an answer that has no room in its message."""
        send = partial(
            self._context.api.send,
            question.thread_id,
            "",
            urgency=Urgency.NOTICE,
            nonce=f"sidefile{question.question_id}"[:25],
            files=[("side-answer.md", text.encode())],
            reply_to=question.message_id,
            silent=True,
        )
        try:
            await self._context.api.retrying(send, attempts=ATTEMPTS)
        except RestError as error:
            log.warning("a side answer could not be attached", thread_id=question.thread_id, reason=str(error))
