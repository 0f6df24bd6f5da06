"""One run of the demo: set-up, conversation, checks or the operator's turn, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

from loopback.bot_process import BotProcess, alive, running, unless
from loopback.demo.checks import Check, Conversation, check_plain, check_scripted
from loopback.demo.console import HELP, Console
from loopback.demo.feed import Feed, name_in
from loopback.demo.keyboard import typed_lines
from loopback.demo.terminal import Terminal
from loopback.server import Loopback

from .scenario import DemoLab, run_plain, run_scripted

T = TypeVar("T")

CONNECT_SECONDS: Final = 60.0
"""Seconds within which the bot must be connected."""

_FRAME: Final = 0.1  # seconds between two drawings
_HEADLINE: Final = "Two people, two projects, an agent of its own behind each thread. No token, no network."


class DemoFailed(Exception):
    """The demo cannot continue. The text says why."""


async def demo(*, bot: Callable[[DemoLab], list[str]], once: bool, scripted: bool, out: TextIO, workdir: Path) -> int:
    """Run a conversation, then let the operator use the terminal, or with `once` check the conversation.

    `bot` writes its configuration for the lab and returns the argv of the bot process, whose output goes to
    `bot.log` in `workdir`. The directory must exist. With `scripted` the agent is `loopback.agent`, and the
    conversation has more parts. Returns 0, or 1 after a failure. Ctrl-C, SIGTERM and SIGHUP end it with 0, or with 1
    if `once` is not done.
    """
    async with Loopback(port=0) as discord, _interrupts() as interrupted:
        lab = DemoLab.furnish(discord, "ann", "ben", token=secrets.token_urlsafe(24), workdir=workdir)
        terminal = Terminal(out, lambda some_id: name_in(discord.world, some_id))
        discord.world.listeners.append(Feed(discord.world, terminal))
        terminal.say("Threadline demo", "bold")
        terminal.say(_HEADLINE, "dim")
        terminal.say(f"The same in a browser: {discord.page}\n")
        if not once and out.isatty():
            _open_page(discord.page_once())
        async with _drawn(terminal), running(bot(lab), workdir / "bot.log") as process:
            run = _Run(lab, terminal, process, interrupted, scripted=scripted)
            try:
                return await (run.check() if once else run.hand_over())
            except (DemoFailed, AssertionError) as failed:
                terminal.draw(everything=True)
                terminal.say(f"The demo stopped: {failed}", "red")
                terminal.say(f"The end of {process.log}:\n{process.tail()}", "dim")
                return 1


def _open_page(address: str) -> None:
    """Open the page if there is a screen. In a bare terminal a text browser would cover the demo."""
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


class _Run:
    """A run of the demo after the set-up."""

    def __init__(
        self, lab: DemoLab, terminal: Terminal, process: BotProcess, interrupted: asyncio.Event, *, scripted: bool
    ) -> None:
        self._lab = lab
        self._terminal = terminal
        self._process = process
        self._interrupted = interrupted
        self._scripted = scripted

    async def check(self) -> int:
        """Run the conversation, stop the bot, and print a line for each check."""
        played = await self._unless_ended(self._converse())
        if played is None:
            raise DemoFailed("it was interrupted")
        family = self._process.family()
        await self._process.stop()
        self._terminal.draw(everything=True)
        code, left = self._process.exit_code, alive(family)
        checks = check_scripted(played) if self._scripted else check_plain(played)
        checks += [
            Check("the bot ended cleanly after SIGTERM", f"exit code {code}" if code else ""),
            Check("no agent process is left", f"left: {left}" if left else ""),
        ]
        for check in checks:
            verdict = ("not ok", "red") if check.wrong else ("ok", "green")
            self._terminal.say(f"{verdict[0]:>6}  {check.what}{': ' if check.wrong else ''}{check.wrong}", verdict[1])
        wrong = sum(bool(check.wrong) for check in checks)
        if wrong:
            raise DemoFailed(f"{wrong} of {len(checks)} checks failed")
        return 0

    async def hand_over(self) -> int:
        """Run the conversation, then handle lines from stdin until they end."""
        console = Console(self._lab, self._terminal)
        async with typed_lines(sys.stdin, console.prompt, echo=not self._terminal.live) as lines:
            if await self._unless_ended(self._converse()) is not None:
                self._terminal.draw(everything=True)
                self._terminal.say(f"Your turn, here or at {self._lab.discord.page}", "bold")
                self._terminal.say(f"{HELP}\n", "dim")
                await self._unless_ended(console.run(lines))
        self._terminal.footer = None
        self._terminal.draw(everything=True)
        self._terminal.say("Ending the bot and its agents.", "dim")
        await self._process.stop()
        return 0

    async def _converse(self) -> Conversation:
        await self._lab.discord.connected(self._lab.bot, timeout=CONNECT_SECONDS)
        return await (run_scripted(self._lab) if self._scripted else run_plain(self._lab))

    async def _unless_ended(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Return the work's result, or None after an interrupt. Raises DemoFailed if the bot ends first."""
        result = await unless(work, self._process.ended(), self._interrupted.wait())
        if result is None and self._process.exit_code is not None:
            raise DemoFailed(f"the bot ended by itself, with exit code {self._process.exit_code}")
        return result


@contextlib.asynccontextmanager
async def _drawn(terminal: Terminal) -> AsyncIterator[None]:
    """Redraw the terminal at a steady pace, and once more at the end."""

    async def draw() -> None:
        while True:
            terminal.draw()
            await asyncio.sleep(_FRAME)

    drawing = asyncio.create_task(draw(), name="drawing")
    try:
        yield
    finally:
        drawing.cancel()
        await asyncio.wait([drawing])
        terminal.draw(everything=True)


@contextlib.asynccontextmanager
async def _interrupts() -> AsyncIterator[asyncio.Event]:
    """Yield an event that Ctrl-C, SIGTERM or SIGHUP sets instead of ending the process."""
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(one) for one in signals]
    for one in signals:
        loop.add_signal_handler(one, interrupted.set)
    try:
        yield interrupted
    finally:
        for one, handler in zip(signals, before, strict=True):
            loop.remove_signal_handler(one)
            signal.signal(one, handler)
