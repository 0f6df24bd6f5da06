"""The bot's notices in threads. Each has a cause and ends with it, also after a restart."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import discord

from bot.config.appearance import Components
from bot.rest.api import DiscordApi
from bot.rest.components_v2 import WARNING as WARNING_COLOUR
from bot.rest.live_message import LiveMessage
from pool.journal.notices import NoticeRow, NoticeRows

WAITING = "waiting"
"""Messages wait behind the running turn."""

HELD = "held"
"""Messages wait for a person."""

WARNING = "warning"
"""A running turn is silent, or long."""

OFFER = "offer"
"""Somebody has written just "stop" while a turn runs."""

PREEMPTED = "made way"
"""A question was ended because others wait for an agent; the thread's next turn ends the notice."""

OVER_MEMORY = "over_memory"
"""An idle agent was stopped because it used too much memory; the thread's next turn ends the notice."""

INTERRUPTED = "interrupted"
"""A restart, or a lost connection, has interrupted a turn, and a person has to choose what becomes of it."""

LOGGED_OUT = "logged_out"
"""The thread's agent is logged out; a login, or a turn that succeeds, ends the notice."""

UNCONFIRMED = "unconfirmed"
"""A message was sent into a turn, and the agent may not have taken it in; a person may send it again."""

UNREACHABLE = "unreachable"
"""Messages wait for a person, because the machine of the thread's agent cannot be reached."""

CONFIRMING = "confirming"
"""Messages wait until another machine confirms that the thread's earlier agent has ended."""

CARDS = frozenset({INTERRUPTED, UNREACHABLE})
"""Notices that are cards: a person has to choose. All others are small lines."""

Buttons = Callable[[], discord.ui.View]


@dataclass(eq=False, slots=True)
class _OpenNotice:
    """A notice in a thread; one that has `ended` is deleted, or says how it ended, and then forgotten."""

    nonce: str
    since: float
    post: LiveMessage
    ended: bool = False


class Notices:
    """All notices: a thread has one of each kind and subject. The methods are synchronous; the messages follow."""

    def __init__(
        self, kept: NoticeRows, *, api: DiscordApi, components: Callable[[], Components] = lambda: "v2"
    ) -> None:
        """Start with those that an earlier run has left; `lost` are those whose messages have to be looked for.

        `components` is the form of a new notice that is a card.
        """
        self._components = components
        self._kept = kept
        self._api = api
        self._open: dict[tuple[int, str, int], _OpenNotice] = {}
        self._doubled: list[_OpenNotice] = []
        self.messages: set[int] = set()
        """The messages of notices, which no lost notice has become: two of a thread may have the same words."""
        self.lost: list[NoticeRow] = []
        self._sought: dict[str, _OpenNotice] = {}
        """The lost ones by nonce: what they are to show waits for what is found."""
        for row in kept.all():
            key, left = (row.thread_id, row.kind, row.about), self._open_notice(row)
            if row.message_id is None:
                self.lost.append(row)
                self._sought[row.nonce] = left
            else:
                self.messages.add(row.message_id)
            if key in self._open:
                self._doubled.append(self._open[key])
            self._open[key] = left

    def begin(self) -> None:
        """Delete what an earlier run was about to delete: notices about a turn, and those that are there twice."""
        for key in [key for key in self._open if key[1] in {WARNING, OFFER, CONFIRMING}]:
            self.end(*key)
        while self._doubled:
            self._remove(self._doubled.pop())

    def find(self, lost: NoticeRow, message_id: int | None) -> None:
        """Take the message that a lost notice has become; None: there is none, and it is posted if still wanted."""
        notice, key = self._sought.pop(lost.nonce), (lost.thread_id, lost.kind, lost.about)
        if message_id is None and (notice.ended or not notice.post.is_wanted):
            self._kept.gone(lost.nonce)
            if self._open.get(key) is notice:
                del self._open[key]
            return
        if message_id is None:
            notice.since = time.time()
        notice.post.found(message_id)
        if notice.ended and not notice.post.is_wanted:
            notice.post.remove()

    # ---- what is there

    def since(self, thread_id: int, kind: str, about: int = 0) -> float | None:
        """Return since when a notice is there, in Unix time; None where there is none, or that is unknown."""
        notice = self._open.get((thread_id, kind, about))
        return None if notice is None or notice.nonce in self._sought else notice.since

    def stands(self, thread_id: int, kind: str) -> bool:
        """Whether a thread has a notice of this kind, posted or about to be."""
        return (thread_id, kind, 0) in self._open

    def shows(self, thread_id: int, kind: str, message_id: int) -> bool:
        """Whether a message is the thread's notice, or may be: a notice that is being posted has no id yet."""
        notice = self._open.get((thread_id, kind, 0))
        return notice is not None and notice.post.message_id in {None, message_id}

    def message(self, thread_id: int, kind: str, about: int = 0) -> int | None:
        """Return the message of a notice; None where there is none, or it is being posted."""
        notice = self._open.get((thread_id, kind, about))
        return None if notice is None else notice.post.message_id

    def of(self, *kinds: str) -> list[tuple[int, int]]:
        """Return the threads with notices of these kinds, each with the message that the notice is about."""
        return [(thread_id, about) for thread_id, kind, about in self._open if kind in kinds]

    def show(
        self,
        thread_id: int,
        kind: str,
        content: str,
        buttons: Buttons | None,
        *,
        about: int = 0,
        first: object = None,
        silent: bool = False,
    ) -> None:
        """Post a notice, or edit the one that is there. Another `first`, which the buttons name, changes them too."""
        notice = self._open.get((thread_id, kind, about))
        if notice is None:
            v2 = kind in CARDS and self._components() == "v2"
            row = NoticeRow(secrets.token_hex(8), thread_id, kind, about, time.time(), "", None, v2)
            notice = self._open[thread_id, kind, about] = self._open_notice(row, silent=silent)
        notice.post.show(content, buttons, about=first)

    def end(self, thread_id: int, kind: str, about: int = 0, *, content: str = "") -> None:
        """Delete a notice, or let it say `content` from now on, without buttons."""
        notice = self._open.pop((thread_id, kind, about), None)
        if notice is None:
            return
        if not content:
            self._remove(notice)
            return
        notice.ended = True
        notice.post.show(content)

    def end_by_press(self, thread_id: int, kind: str, content: str, about: int = 0) -> LiveMessage | None:
        """Let a notice say `content` from now on; the caller answers the press through the returned message."""
        notice = self._open.pop((thread_id, kind, about), None)
        if notice is None:
            return None
        notice.ended = True
        notice.post.pressed(content)
        return notice.post

    def forget(self, thread_id: int) -> None:
        """Forget the notices of a thread that is gone."""
        for key in [key for key in self._open if key[0] == thread_id]:
            del self._open[key]
        self._kept.forget(thread_id)

    # ----

    def _remove(self, notice: _OpenNotice) -> None:
        notice.ended = True
        notice.post.remove()

    def _open_notice(self, row: NoticeRow, *, silent: bool = False) -> _OpenNotice:
        """Make a notice that is new, is there, or is lost: a lost one has a text but no message."""

        def done() -> None:
            if notice.ended:
                self._kept.gone(row.nonce)

        def posted(message_id: int) -> None:
            if self._sought:
                self.messages.add(message_id)
            self._kept.posted(row.nonce, message_id)

        post = LiveMessage(
            row.thread_id,
            api=self._api,
            nonce=row.nonce,
            silent=silent,
            accent=WARNING_COLOUR if row.components_v2 else None,
            message_id=row.message_id,
            held=bool(row.content) and row.message_id is None,
            on_first=lambda content: self._kept.begin(replace(row, content=content, since=notice.since)),
            on_posted=posted,
            on_done=done,
        )
        notice = _OpenNotice(row.nonce, row.since, post)
        return notice
