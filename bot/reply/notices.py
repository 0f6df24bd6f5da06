"""The bot's notices in threads: each has a cause and ends with it, also over a restart."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import discord

from bot.rest.api import DiscordApi
from bot.rest.live_message import LiveMessage
from pool.journal.notices import NoticeRow, NoticeRows

__all__ = ["HELD", "INTERRUPTED", "MADE_WAY", "OFFER", "WAITING", "WARNING", "Notices"]

WAITING = "waiting"
"""Messages wait behind the running turn."""

HELD = "held"
"""Messages wait for a person."""

WARNING = "warning"
"""A running turn is silent, or long."""

OFFER = "offer"
"""Somebody has said no more than "stop" while a turn runs."""

MADE_WAY = "made way"
"""A question was ended for others in line; the thread's next turn ends it."""

INTERRUPTED = "interrupted"
"""A restart has interrupted a turn, and somebody has to choose."""

Buttons = Callable[[], discord.ui.View]


@dataclass(eq=False, slots=True)
class _Standing:
    """A notice that stands; after `ended` it goes, or says how it ended, and is forgotten then."""

    nonce: str
    since: float
    post: LiveMessage
    ended: bool = False


class Notices:
    """All notices: of each kind one for each matter of a thread. Synchronous; the messages follow."""

    def __init__(self, kept: NoticeRows, *, api: DiscordApi) -> None:
        """Take up those that an earlier run has left; `lost` are those whose messages must be looked for."""
        self._kept = kept
        self._api = api
        self._standing: dict[tuple[int, str, int], _Standing] = {}
        self._doubled: list[_Standing] = []
        self.lost: list[NoticeRow] = []
        self._sought: dict[str, _Standing] = {}
        """By nonce those that are lost: what they are to show waits for what is found."""
        for notice in kept.all():
            key, left = (notice.thread_id, notice.kind, notice.about), self._made(notice)
            if notice.message_id is None:
                self.lost.append(notice)
                self._sought[notice.nonce] = left
            if key in self._standing:
                self._doubled.append(self._standing[key])
            self._standing[key] = left

    def begin(self) -> None:
        """Take away what an earlier run was about to take away: what was said of a turn, and what stands twice."""
        for key in [key for key in self._standing if key[1] in {WARNING, OFFER}]:
            self.end(*key)
        while self._doubled:
            self._remove(self._doubled.pop())

    def find(self, lost: NoticeRow, message_id: int | None) -> None:
        """Learn which message a lost notice has become; None: none, and it is posted if it is still wanted."""
        standing, key = self._sought.pop(lost.nonce), (lost.thread_id, lost.kind, lost.about)
        if message_id is None and (standing.ended or not standing.post.is_wanted):
            self._kept.gone(lost.nonce)
            if self._standing.get(key) is standing:
                del self._standing[key]
            return
        if message_id is None:
            standing.since = time.time()
        standing.post.found(message_id)
        if standing.ended and not standing.post.is_wanted:
            standing.post.remove()

    # ---- what stands

    def since(self, thread_id: int, kind: str, about: int = 0) -> float | None:
        """Return since when a notice stands, in Unix time; None where there is none, or it is not known whether."""
        standing = self._standing.get((thread_id, kind, about))
        return None if standing is None or standing.nonce in self._sought else standing.since

    def shows(self, thread_id: int, kind: str, message_id: int) -> bool:
        """Whether a message is the thread's notice that stands now, or may be, for that is just being posted."""
        standing = self._standing.get((thread_id, kind, 0))
        return standing is not None and standing.post.message_id in {None, message_id}

    def of(self, *kinds: str) -> list[tuple[int, int]]:
        """Return the threads in which notices of these kinds stand, each with the message that they are about."""
        return [(thread_id, about) for thread_id, kind, about in self._standing if kind in kinds]

    def show(
        self,
        thread_id: int,
        kind: str,
        content: str,
        buttons: Buttons,
        *,
        about: int = 0,
        first: int | None = None,
        silent: bool = False,
    ) -> None:
        """Post a notice, or let the one that stands say this. With another `first` the buttons are others, too."""
        standing = self._standing.get((thread_id, kind, about))
        if standing is None:
            standing = self._standing[thread_id, kind, about] = self._begun(thread_id, kind, about, silent=silent)
        standing.post.show(content, buttons, about=first)

    def end(self, thread_id: int, kind: str, about: int = 0, *, content: str = "") -> None:
        """Let a notice go, or say `content` from now on, without buttons."""
        standing = self._standing.pop((thread_id, kind, about), None)
        if standing is None:
            return
        if not content:
            self._remove(standing)
            return
        standing.ended = True
        standing.post.show(content)

    def end_by_press(self, thread_id: int, kind: str, content: str) -> LiveMessage | None:
        """Let a notice say `content` from now on, by the answer to a press, which the caller makes through the post."""
        standing = self._standing.pop((thread_id, kind, 0), None)
        if standing is None:
            return None
        standing.ended = True
        standing.post.pressed(content)
        return standing.post

    def forget(self, thread_id: int) -> None:
        """Learn that a thread is gone, and with it what stood there."""
        for key in [key for key in self._standing if key[0] == thread_id]:
            del self._standing[key]
        self._kept.forget(thread_id)

    # ----

    def _remove(self, standing: _Standing) -> None:
        standing.ended = True
        standing.post.remove()

    def _begun(self, thread_id: int, kind: str, about: int, *, silent: bool) -> _Standing:
        notice = NoticeRow(secrets.token_hex(8), thread_id, kind, about, time.time(), "", None)
        return self._made(notice, silent=silent)

    def _made(self, notice: NoticeRow, *, silent: bool = False) -> _Standing:
        """Make one that is new, stands, or is lost, which has words but no message."""

        def done() -> None:
            if standing.ended:
                self._kept.gone(notice.nonce)

        post = LiveMessage(
            notice.thread_id,
            api=self._api,
            nonce=notice.nonce,
            silent=silent,
            message_id=notice.message_id,
            held=bool(notice.content) and notice.message_id is None,
            on_first=lambda content: self._kept.begin(replace(notice, content=content, since=standing.since)),
            on_posted=lambda posted_id: self._kept.posted(notice.nonce, posted_id),
            on_done=done,
        )
        standing = _Standing(notice.nonce, notice.since, post)
        return standing
