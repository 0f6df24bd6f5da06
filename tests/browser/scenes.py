"""Pictures of what people see: `python -m tests.browser.scenes DIR`.

The whole bot works with its defaults and the scripted agent. Each scene writes PNGs, light, dark and as on a phone, and
the thread as text, in the order in which it is read.
"""

import argparse
import asyncio
import os
import re
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.user_messages.commands import FORK_MENU
from loopback import Message, User
from loopback.state import components
from loopback.state.entities import Channel, Thread
from tests.browser.browser_lab import DEFAULTS, Story, address, story
from tests.browser.chrome import Browser, Page, browser, chromium, find
from tests.e2e.live_bot import SCRIPTED, BotLab, running_bot

LOOKS = {"light": ("light", 1180, 860), "dark": ("dark", 1180, 860), "phone": ("light", 390, 844)}
"""The colour scheme, width and height of each look."""

QUIET_MS = 400
"""Milliseconds without a change of the page before its picture is taken."""

QUIET = """
new Promise((done) => {
  let timer = setTimeout(done, %d);
  const seeing = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, %d); });
  seeing.observe(document.querySelector("#main .messages"), { childList: true, characterData: true, subtree: true });
  setTimeout(done, 10 * %d);
})
"""


@dataclass
class Album:
    """Writes pictures into a directory. `only` narrows the scenes and `looks` the looks."""

    directory: Path
    chrome: Browser
    lab: BotLab
    looks: dict[str, tuple[str, int, int]] = field(default_factory=lambda: LOOKS)
    written: list[Path] = field(default_factory=list)

    async def take(self, name: str, place: Channel, who: User, *, ready: Callable[[Page], Awaitable[None]]) -> None:
        """Take the place in each look, as the person sees it, and write its messages as text."""
        for look, (scheme, width, height) in self.looks.items():
            page = await self.chrome.open(
                address(self.lab.discord, who, place), width=width, height=height, scheme=scheme
            )
            await page.until(f"document.querySelector('#main').dataset.shown === '{place.id}'")
            await ready(page)
            await page.evaluate(QUIET.replace("%d", str(QUIET_MS)))
            self._write(f"{name}-{look}.png", await page.picture())
            await page.close()
        self._write(f"{name}.txt", self._text(place, who).encode())

    def _write(self, name: str, content: bytes) -> None:
        path = self.directory / name
        path.write_bytes(content)
        self.written.append(path)

    def _text(self, place: Channel, who: User) -> str:
        """Return the messages in reading order, with their buttons and files."""
        blocks = []
        for message in self.lab.discord.messages(place):
            if message.ephemeral_to not in (None, who.id):
                continue
            labels = [f"[{one['label']}]" for _, one in components.walk(message.components) if one.get("label")]
            files = [f"(file {one.shown_name})" for one in message.attachments]
            author = self.lab.discord.world.accounts[message.author_id].name
            lines = list(filter(None, (components.text_of(message), " ".join(labels + files))))
            if lines:  # all but the first message of a thread, which is the channel's
                blocks.append("\n".join([f"{author}:", *lines]))
        return "\n\n".join(blocks) + "\n"


async def nothing(_: Page) -> None:
    """Take the picture as the page opens."""


def asks(message: Message) -> bool:
    """Return whether the message has a button to allow something."""
    found = (one for _, one in components.walk(message.components))
    return any(one.get("label") == "Allow once" and not one.get("disabled") for one in found)


async def questions(album: Album, _: Story) -> None:
    """A turn with two questions: at each of them, and when it has ended."""
    lab = album.lab
    thread = await lab.thread("please write the release notes")
    card = await lab.ann.sees(thread, asks, by=lab.bot)
    await album.take("questions-1-first", thread, lab.ann, ready=nothing)
    await lab.ann.click(card, "Allow once")
    card = await lab.ann.sees(thread, asks, by=lab.bot, after=card)
    await album.take("questions-2-second", thread, lab.ann, ready=nothing)
    await lab.ann.click(card, "Allow once")
    await lab.answer(thread, "The notes are written")
    await album.take("questions-3-end", thread, lab.ann, ready=nothing)


async def change(album: Album, place: Story) -> None:
    """A fix with a plan, an edit and a question; then the bot's own list of changes."""
    lab = album.lab
    thread = await lab.thread("the due date test fails on leap days, please fix it", lab.ben, place.billing)
    card = await lab.ben.sees(thread, asks, by=lab.bot)
    await album.take("edit-1-question", thread, lab.ben, ready=nothing)
    await lab.ben.click(card, "Allow once")
    await lab.answer(thread, "12 passed")
    await album.take("edit-2-end", thread, lab.ben, ready=nothing)


async def subagents(album: Album, _: Story) -> None:
    """Two subagents at work, then with a question each, of which the second is answered first; then the end."""
    lab = album.lab
    thread = await lab.thread("audit our date handling with two subagents, please")
    await lab.ann.sees(thread, "leap", by=lab.bot)
    await album.take("subagents-1-work", thread, lab.ann, ready=nothing)
    first = await lab.ann.sees(thread, _asked_by("researcher"), by=lab.bot)
    second = await lab.ann.sees(thread, _asked_by("tester"), by=lab.bot)
    await album.take("subagents-2-questions", thread, lab.ann, ready=nothing)
    await lab.ann.click(second, "Reject")
    await album.take("subagents-3-one-answered", thread, lab.ann, ready=nothing)
    await lab.ann.click(first, "Allow once")
    await lab.answer(thread, "I would add one first")
    await album.take("subagents-4-end", thread, lab.ann, ready=nothing)


def _asked_by(name: str) -> Callable[[Message], bool]:
    return lambda message: asks(message) and f"Asked by the subagent {name}" in components.text_of(message)


async def person_edits(album: Album, _: Story) -> None:
    """A person edits a queued message, and one whose answer is being written: the agent has it already."""
    lab = album.lab
    thread = await lab.conversation("how does our retry logic work?", "Nothing is swallowed.")
    asked = await lab.ann.say(thread, "Now review every module, please.")
    await lab.ann.sees(thread, "**auth**", by=lab.bot)
    await lab.ann.edit(asked, "Now review only the module auth, please.")
    later = await lab.ben.say(thread, "And what is the worst one?")
    await lab.ben.edit(later, "And what is the worst one, in one line?")
    await album.take("person-edits", thread, lab.ann, ready=nothing)


async def crash(album: Album, _: Story) -> None:
    """The agent's process ends in the middle of a turn."""
    lab = album.lab
    thread = await lab.thread("the build fails on a clean checkout")
    await lab.answer(thread, "❌")
    await album.take("crash", thread, lab.ann, ready=nothing)


async def outage(album: Album, _: Story) -> None:
    """Discord takes no writes for the second half of an answer: while it lasts, and afterwards."""
    lab = album.lab
    thread = await lab.thread("how does our retry logic work?")
    await lab.ann.sees(thread, "The retry loop is small", by=lab.bot)
    rule = lab.discord.fault(path="/", status=503, times=None)
    await lab.discord.until(lambda: rule.hits > 2)
    await album.take("outage-1-during", thread, lab.ann, ready=nothing)
    rule.remove()
    await lab.answer(thread, "Nothing is swallowed.")
    await album.take("outage-2-after", thread, lab.ann, ready=nothing)


async def queue(album: Album, _: Story) -> None:
    """Messages wait behind a long turn; Stop puts them on hold; then the bot's list of them."""
    lab = album.lab
    thread = await lab.conversation("how does our retry logic work?", "Nothing is swallowed.")
    await lab.ann.say(thread, "Now review every module, please.")
    await lab.ann.sees(thread, "**auth**", by=lab.bot)
    await lab.ben.say(thread, "And what is the worst one?")
    await lab.ann.say(thread, "Then write the release notes.")
    await album.take("queue-1-waiting", thread, lab.ann, ready=_uses("queue"))
    await lab.ann.slash(thread, "cancel")
    await album.take("queue-2-on-hold", thread, lab.ann, ready=nothing)


async def mode(album: Album, _: Story) -> None:
    """The mode changes between two turns."""
    lab = album.lab
    thread = await lab.conversation("how does our retry logic work?", "Nothing is swallowed.")
    chosen = await lab.ann.slash(thread, "mode")
    await lab.ann.pick(await chosen.settled(), ["Auto"])
    await lab.ann.sees(thread, "set the mode to Auto", by=lab.bot)
    await lab.ann.say(thread, "And which is the worst one?")
    await lab.answer(thread, "money is the worst place")
    await album.take("mode", thread, lab.ann, ready=nothing)


async def fork(album: Album, _: Story) -> None:
    """A fork from the first answer, one of the whole conversation, and a side question beside a long turn."""
    lab = album.lab
    thread = await lab.conversation("how does our retry logic work?", "Nothing is swallowed.")
    first = await lab.answer(thread, "Nothing is swallowed.")
    await lab.ann.say(thread, "And which is the worst one?")
    await lab.answer(thread, "money is the worst place")
    await lab.ann.menu(first, FORK_MENU)
    await lab.ann.say(await _forked(lab, thread), "And which is the best one?")
    await lab.ben.slash(thread, "fork", text="Now review every module, please.")
    later = await _forked(lab, thread, lab.ben)
    await lab.ben.sees(later, "**billing**", by=lab.bot)
    await lab.ann.say(thread, "Review every module here too, please.")
    await lab.ann.sees(thread, "**billing**", by=lab.bot)
    await lab.ben.slash(thread, "btw", text="which of them was the worst one again?")
    await lab.ann.sees(thread, "Side answer", by=lab.bot)
    await album.take("fork-1-parent", thread, lab.ann, ready=nothing)
    await album.take("fork-2-of-all", later, lab.ben, ready=nothing)
    await album.take("fork-3-channel", lab.channel, lab.ann, ready=nothing)


async def _forked(lab: BotLab, thread: Thread, by: User | None = None) -> Thread:
    """Return the last fork of a thread."""
    person = by or lab.ann
    line = await person.sees(thread, re.compile(f"{person.mention} forked this"), by=lab.bot)
    post_id = re.findall(r"<#(\d+)>", line.content)[0]
    post = await person.sees(lab.channel, lambda message: message.id == int(post_id))
    return await person.sees_thread(post)


async def menu(album: Album, _: Story) -> None:
    """The menu of slash commands."""
    lab = album.lab
    thread = await lab.conversation("how does our retry logic work?", "Nothing is swallowed.")

    async def types(page: Page) -> None:
        await page.click("#main .composer textarea")
        await page.write("/")
        await page.until("document.querySelector('#main .suggestions li') !== null")

    await album.take("slash-menu", thread, lab.ann, ready=types)


def _uses(command: str) -> Callable[[Page], Awaitable[None]]:
    """Return an action that runs a command without options on the page."""

    async def run(page: Page) -> None:
        await page.click("#main .composer textarea")
        await page.write(f"/{command}")
        await page.sees(f"/{command}", "#main .suggestions [aria-selected=true]")
        await page.press("Enter")
        await page.until("document.activeElement.closest('.command') !== null")
        await page.press("Enter")
        await page.until("document.querySelector('#main .row.ephemeral') !== null")

    return run


async def restart(album: Album, place: Story) -> None:
    """The bot is stopped in the middle of a turn, with a message behind it, and starts again."""
    lab = place.lab
    async with running_bot(lab):
        thread = await lab.conversation("how does our retry logic work?", "Nothing is swallowed.")
        await lab.ann.say(thread, "Now review every module, please.")
        await lab.ann.sees(thread, "**billing**", by=lab.bot)
        await lab.ben.say(thread, "And which is the worst one?")
    async with running_bot(lab):
        card = await lab.ann.sees(thread, _offers("Retry"), by=lab.bot)
        await album.take("restart-1-asked", thread, lab.ann, ready=nothing)
        await lab.ann.click(card, "Skip")
        await lab.answer(thread, "money is the worst place")
        await album.take("restart-2-skipped", thread, lab.ann, ready=nothing)


def _offers(label: str) -> Callable[[Message], bool]:
    return lambda message: any(one.get("label") == label for _, one in components.walk(message.components))


async def login(album: Album, place: Story) -> None:
    """The agent is logged out, and a person logs in to it: what the thread is told. The page is only the person's."""
    lab = place.lab
    with tempfile.TemporaryDirectory() as folder:
        gate = Path(folder) / "gate"
        os.mkfifo(gate)
        options = ("--login", str(Path(folder) / "login"), "--login-gate", str(gate), "--state", folder)
        lab.configure(agent=(*SCRIPTED, *options), extra=DEFAULTS)
        async with running_bot(lab):
            thread = await lab.thread("how does our retry logic work?")
            notice = await lab.ann.sees(thread, _offers("Log in"), by=lab.bot)
            await lab.answer(thread, "❌")
            await album.take("login-1-logged-out", thread, lab.ann, ready=nothing)
            await lab.ann.click(notice, "Log in")
            await asyncio.to_thread(gate.write_text, "yes")
            await lab.ann.sees(thread, "New messages use the login", by=lab.bot)
            await lab.ann.say(thread, "how does our retry logic work?")
            await lab.ann.sees(thread, "Nothing is swallowed.", by=lab.bot)
            await album.take("login-2-end", thread, lab.ann, ready=nothing)


SCENES = {
    "questions": questions,
    "edit": change,
    "subagents": subagents,
    "person-edits": person_edits,
    "crash": crash,
    "outage": outage,
    "queue": queue,
    "mode": mode,
    "fork": fork,
    "slash-menu": menu,
}
"""The scenes with a bot that runs from beginning to end."""

OWN_BOT = {"restart": restart, "login": login}
"""The scenes that start the bot themselves."""


async def play(directory: Path, chromium: str, only: list[str], looks: list[str]) -> list[Path]:
    """Play the scenes, each with a lab of its own, and return the files."""
    written: list[Path] = []
    for name in only or [*SCENES, *OWN_BOT]:
        with tempfile.TemporaryDirectory() as folder:
            async with story(Path(folder)) as place, browser(chromium) as chrome:
                chosen = {look: LOOKS[look] for look in looks or LOOKS}
                album = Album(directory, chrome, place.lab, chosen)
                if name in OWN_BOT:
                    await OWN_BOT[name](album, place)
                else:
                    async with running_bot(place.lab):
                        await SCENES[name](album, place)
                written += album.written
                assert chrome.problems() == []
    return written


def main() -> None:
    """Write the pictures of all scenes, or of those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--scene", action="append", choices=[*SCENES, *OWN_BOT], default=[])
    parser.add_argument("--look", action="append", choices=list(LOOKS), default=[])
    chosen = parser.parse_args()
    chosen.directory.mkdir(parents=True, exist_ok=True)
    if find() is None:
        parser.exit(1, "No Chromium is installed here.\n")
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as dev_tools:
        written = asyncio.run(play(chosen.directory, dev_tools, chosen.scene, chosen.look))
    parser.exit(0, f"{len(written)} files in {chosen.directory}\n")


if __name__ == "__main__":
    main()
