"""Tells people which of their messages exceeded a limit, with one counting notice for each person and place."""

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from bot.prompt.request import Request
from bot.rest.api import DiscordApi
from bot.rest.live_message import LiveMessage
from bot.user_messages import access, layout

NOTICE_SECONDS = 60.0
"""How long one notice counts; later rejections get a new notice, so that people see it."""

COUNT_SECONDS = 3.0
"""Between two edits of the count: a flood must not use up the edits that the thread's reply needs."""

REMEMBERED = 1000
"""Notices that keep counting; the oldest beyond them stay as they are."""


@dataclass(slots=True)
class _Notice:
    post: LiveMessage
    reason: str
    first: Request
    since: float
    count: int = 0
    scheduled: bool = False

    def show(self) -> None:
        self.scheduled = False
        request = self.first
        link = layout.link(request.guild_id, request.channel_id, request.message_id)
        self.post.show(access.rejection(request.author_id, self.reason, self.count, link))


class RejectionNotices:
    """Tells authors of each rejection, with few notices for thousands of messages."""

    def __init__(self, *, api: DiscordApi) -> None:
        """Start with no rejected message."""
        self._api = api
        self._notices: OrderedDict[tuple[int, int, str], _Notice] = OrderedDict()

    def show(self, request: Request, reason: str) -> bool:
        """Tell the author why a message is not accepted. Returns whether that takes a new notice."""
        loop = asyncio.get_running_loop()
        key = (request.channel_id, request.author_id, reason)
        notice = self._notices.get(key)
        new = notice is None or loop.time() - notice.since >= NOTICE_SECONDS
        if notice is None or new:
            post = LiveMessage(request.channel_id, api=self._api, nonce=secrets.token_hex(8))
            notice = self._notices[key] = _Notice(post, reason, request, loop.time())
            self._notices.move_to_end(key)
            if len(self._notices) > REMEMBERED:
                self._notices.popitem(last=False)
        notice.count += 1
        if new:
            notice.show()
        elif not notice.scheduled:
            notice.scheduled = True
            loop.call_later(COUNT_SECONDS, notice.show)
        return new
