"""The doctor's tries: each part of the protocol that the bot relies on is done once, with an agent of its own.

An agent may announce what it then cannot do. A try passes, fails with its reason, or is not offered by the agent. It is
bounded in time, and what it started has ended when it is over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

import psutil

from acp import AcpError, Agent, AgentClosed, Event, Question, Session, Steered, Text, Thought, Turn
from acp.schema import ImageBlock, TextBlock, ToolCallUpdate
from bot.config.agents import AgentConfig
from bot.user_messages import agent_checks as texts
from bot.user_messages import agent_errors

from .probe_result import Outcome, ProbeResult, TryResult
from .probe_steps import ANSWER_WIDTH, READY_SECONDS, descendants, hold_turn, refuse, start, stop

TRY_SECONDS = 300.0
"""Bound of one try: a start (60 s), a session (60 s, or 120 s to reopen one) and a turn at their own bounds."""

# The line in the middle is also a directive for loopback's scripted agent.
LONG_PROMPT = """\
Use no tools. Count upwards from 1, and
stream 1000
numbers as text, one on each line."""

STEERING_PROMPT = "Stop counting now, and reply with the single word: steered"

FORK_PROMPT = "Which single word did I ask you for before this message? Reply with that word alone."
FORK_WORD = "ready"

IMAGE_PROMPT = "Which colour is this picture? Reply with one word."
IMAGE_WORD = "red"
IMAGE = (
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQCgUAgEAgEgi/BAjLD/C5w"
    "/SM9AAAAAElFTkSuQmCC"
)
"""A red square of 32 by 32 pixels, as PNG."""


class Tries:
    """The tries of one agent; records their outcomes in `found`."""

    def __init__(self, agent: AgentConfig, found: ProbeResult, sessions: list[str], folder: Path) -> None:
        """Continue with the sessions that the examination has opened, the first one in the agent's own directory.

        New ones are opened in `folder`, and all are deleted in the end.
        """
        self._agent = agent
        self._found = found
        self._sessions = sessions
        self._folder = folder
        self._running: Agent | None = None

    async def run(self, *, with_prompts: bool) -> None:
        """Try what needs no prompt, then `with_prompts` what needs one each.

        Never raises `AcpError`. No process is left, even when it is cancelled.
        """
        can = self._found.abilities
        try:
            await self._try("restart", self._reopen, offered=self._can_load)
            await self._try("crash_idle", self._crash_idle)
            if with_prompts:
                await self._try("fork", self._fork, offered=can["fork"])
                await self._try("image", self._image, offered=can["images"])
                await self._try("cancel", self._cancel)
                await self._try("steering", self._steer, offered=can["steering"])
                await self._try("crash_turn", self._crash_turn)
            if can["delete"]:
                await self._delete_sessions()
        finally:
            await self._stop()

    async def _try(self, name: str, work: Callable[[], Awaitable[str]], *, offered: bool = True) -> None:
        """Record the outcome of `work`, which returns why it failed; an empty text is a pass."""
        if not offered:
            self._found.tries[name] = TryResult(result=Outcome.NOT_OFFERED)
            return
        began = monotonic()
        try:
            async with asyncio.timeout(TRY_SECONDS):
                reason = await work()
        except TimeoutError:
            reason = texts.try_too_long(TRY_SECONDS)
        except AcpError as error:
            reason = agent_errors.in_terminal(error)
        result = Outcome.FAILED if reason else Outcome.PASSED
        self._found.tries[name] = TryResult(result=result, reason=reason, seconds=round(monotonic() - began, 3))

    # ---- processes and sessions

    @property
    def _can_load(self) -> bool:
        return self._found.abilities["load"] or self._found.abilities["resume"]

    async def _live(self) -> Agent:
        """Return a running agent: the one of the try before, or a new one where that has ended."""
        if self._running is not None and self._running.connection.error is not None:
            await self._stop()
        if self._running is None:
            self._running = await start(self._agent, self._folder)
        return self._running

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None and (left := await stop(running)):
            self._found.fault(texts.processes_left(left))

    async def _open(self) -> Session:
        session = await (await self._live()).new_session(self._folder)
        self._sessions.append(session.session_id)
        await session.ask_first(self._agent.mode)
        return session

    async def _delete_sessions(self) -> None:
        try:
            running = await self._live()
            for session_id in dict.fromkeys(self._sessions):
                await running.delete_session(session_id)
        except AcpError as error:
            self._found.fault(texts.session_stays(agent_errors.headline(error)))

    # ---- the tries

    async def _reopen(self) -> str:
        await (await self._live()).load_session(self._sessions[0], self._agent.cwd)
        return ""

    async def _crash_idle(self) -> str:
        return await self._recover(_crash(await self._live()))

    async def _crash_turn(self) -> str:
        running, session = await self._live(), await self._open()
        started: list[psutil.Process] = []

        async def crash(_: Turn) -> None:
            started.extend(_crash(running))

        try:
            turn = await self._interrupt(session, crash)
        except AgentClosed:
            return await self._recover(started)
        return texts.ended_early(turn.stop_reason)

    async def _recover(self, started: list[psutil.Process]) -> str:
        """Start again after a crash: no process may be left, and the session must be there as after a restart."""
        running, self._running = self._running, None
        if running is not None and (left := await stop(running, started)):
            return texts.processes_left(left)
        if self._found.tries["restart"].result is Outcome.PASSED:
            return await self._reopen()
        await self._open()
        return ""

    async def _fork(self) -> str:
        fork = await (await self._live()).fork_session(self._sessions[0], self._agent.cwd)
        self._sessions.append(fork.session_id)
        await fork.ask_first(self._agent.mode)
        return await self._answers(fork, FORK_WORD, TextBlock(text=FORK_PROMPT))

    async def _image(self) -> str:
        picture = ImageBlock(data=IMAGE, mime_type="image/png")
        return await self._answers(await self._open(), IMAGE_WORD, TextBlock(text=IMAGE_PROMPT), picture)

    async def _answers(self, session: Session, word: str, *blocks: TextBlock | ImageBlock) -> str:
        answer = ""

        async def hear(turn: Turn, event: Event) -> None:
            nonlocal answer
            match event:
                case Text(text):
                    answer = (answer + text)[:ANSWER_WIDTH]
                case Question():
                    refuse(turn, event)

        turn = await hold_turn(session, blocks, READY_SECONDS, hear)
        if turn.stop_reason != "end_turn" or not answer.strip():
            return texts.ended_turn(turn.stop_reason, answered=bool(answer.strip()))
        return "" if word in answer.casefold() else texts.wrong_answer(word, answer.strip())

    async def _cancel(self) -> str:
        async def cancel(turn: Turn) -> None:
            turn.cancel()

        turn = await self._interrupt(await self._open(), cancel)
        if not turn.cancelled:
            return texts.ended_early(turn.stop_reason)
        return "" if turn.stop_reason == "cancelled" else texts.not_cancelled(turn.stop_reason)

    async def _steer(self) -> str:
        session = await self._open()
        outcome: Steered | None = None

        async def steer(turn: Turn) -> None:
            nonlocal outcome
            outcome = await session.steer([TextBlock(text=STEERING_PROMPT)])
            turn.cancel()

        turn = await self._interrupt(session, steer)
        if outcome is None:
            return texts.ended_early(turn.stop_reason)
        return "" if outcome is Steered.INJECTED else texts.not_steered(outcome.value)

    async def _interrupt(self, session: Session, act: Callable[[Turn], Awaitable[None]]) -> Turn:
        """Hold a long turn, and `act` once, when the agent has begun to work."""
        acted = False

        async def on_event(turn: Turn, event: Event) -> None:
            nonlocal acted
            if isinstance(event, Question):
                refuse(turn, event)
            elif isinstance(event, Text | Thought | ToolCallUpdate) and not acted:
                acted = True
                await act(turn)

        return await hold_turn(session, [TextBlock(text=LONG_PROMPT)], READY_SECONDS, on_event)


def _crash(agent: Agent) -> list[psutil.Process]:
    """Kill the agent's first process, as a crash would end it, and return what it had started."""
    started = descendants(agent)
    with suppress(psutil.Error):
        psutil.Process(agent.pid).kill()
    return started
