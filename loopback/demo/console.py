"""The operator's side of the conversation, at the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from loopback.demo.terminal import Terminal
from loopback.state.entities import Channel, Thread
from loopback.state.errors import DiscordError
from loopback.state.outcome import Outcome

from .scenario import DemoLab, offers

HELP: Final = """\
Type a message. In the channel, the bot is mentioned for you and opens a thread.
  /threads        list the threads            /channel       back to the channel
  /thread N       go to thread N              /as ann|ben    switch person
  /click LABEL    press a button              /quit          leave (or Ctrl-D)
Other commands go to the bot: /status, /queue, /cancel and so on.
The scripted agent can do more than talk: write help in a thread."""

_PATIENCE: Final = 10.0  # seconds until a missing thread or button is an error


class Console:
    """Turns lines into actions of ann or ben. `place` is the channel or thread of the next message."""

    def __init__(self, lab: DemoLab, terminal: Terminal) -> None:
        self._lab = lab
        self._terminal = terminal
        self._who = lab.ann
        self.place: Channel = lab.channel

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Handle lines one after another until they end or one is /quit."""
        self.prompt("")
        async for line in lines:
            if line.strip() == "/quit":
                return
            try:
                await self._take(line.strip())
            except (AssertionError, DiscordError) as error:  # what a person cannot do
                self._terminal.say(f"  that did not work: {error}", "red")
            self.prompt("")

    def prompt(self, typed: str) -> None:
        """Show the input line with the person and the place."""
        where = self.place.name if isinstance(self.place, Thread) else f"#{self.place.name}"
        self._terminal.footer = f"{self._who.name} in {where} ❯ {typed}"

    def threads(self) -> list[Thread]:
        """Return the threads of both channels, oldest first in each."""
        world = self._lab.discord.world
        return [thread for channel in (self._lab.channel, self._lab.billing) for thread in world.threads_of(channel)]

    async def _take(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        match command, rest.strip():
            case "", _:
                pass
            case "/threads", _:
                for number, thread in enumerate(self.threads(), 1):
                    self._terminal.say(f"  {number}  {thread.name}", "dim")
            case "/channel", _:
                self.place = self._lab.channel
            case "/thread", number if number.isdecimal() and 0 < int(number) <= len(self.threads()):
                self.place = self.threads()[int(number) - 1]
            case "/as", ("ann" | "ben") as name:
                self._who = self._lab.ann if name == "ann" else self._lab.ben
            case "/click", label if label:
                await self._click(label)
            case (("/help" | "/thread" | "/as" | "/click"), _):
                self._terminal.say(HELP, "dim")
            case _ if line.startswith("/"):
                self._warn_if_unanswered(await self._who.slash(self.place, line[1:]))
            case _:
                await self._say(line)

    async def _say(self, text: str) -> None:
        if isinstance(self.place, Thread):
            await self._who.say(self.place, text)
            return
        # A person who imitates the conversation above types the mention.
        request = text.removeprefix(f"@{self._lab.bot.name} ")
        message = await self._who.say(self.place, f"{self._lab.bot.mention} {request}")
        self.place = await self._who.sees_thread(message, timeout=_PATIENCE)

    async def _click(self, label: str) -> None:
        try:
            message = await self._who.sees(self.place, offers(label), by=self._lab.bot, timeout=_PATIENCE)
        except AssertionError:
            self._terminal.say(f"  there is no button {label!r} to press here", "red")
            return
        self._warn_if_unanswered(await self._who.click(message, label))

    def _warn_if_unanswered(self, outcome: Outcome) -> None:
        if not outcome.acknowledged:
            self._terminal.say("  the bot did not answer in time", "red")
