"""Sends the messages of one reply, each once, over failed tries and restarts of the bot."""

import asyncio
from collections.abc import Collection

import discord

from bot.rest.api import DiscordApi
from bot.rest.mentions import NO_MENTIONS, Mentions
from bot.rest.message_files import Files
from bot.rest.stored_message import StoredMessage
from pool.journal.journal import Journal

NEXT_RUN = 0x100
"""Generations that a run of the bot has for one reply, before those of the next run."""


class MessageSender:
    """Writes down what is about to be sent, and sends it under a nonce.

    Discord answers a nonce that it knows with the message that exists, so that a further try makes no second message.
    The nonce is made of `key`, the number of the message and a generation: another text needs another generation.
    """

    def __init__(self, key: int, generation: int, *, api: DiscordApi, journal: Journal) -> None:
        """`key` and `generation` are as for `Reply`."""
        self._key = key
        self._generation = generation
        self._api = api
        self._journal = journal
        self._first_tries: dict[tuple[int, int], float] = {}
        """When each message was first sent, by its number and generation."""
        self.reply_to: int | None = None
        """The message that the first page names as the one it answers."""

    def renew(self, generations: int = 1) -> None:
        """Send new messages from now on: `NEXT_RUN` generations later they are above all those of an earlier run."""
        self._generation += generations

    def may_be_sent(self, number: int) -> None:
        """Note that an earlier run may have sent a message: it is looked for before it is sent."""
        self._first_tries[number, self._generation] = float("-inf")

    async def send(
        self,
        channel_id: int,
        number: int,
        content: str,
        *,
        before: str = "",
        known: Collection[int | None] = (),
        view: discord.ui.View | None = None,
        files: Files = (),
        mention: int | None = None,
    ) -> StoredMessage:
        """Send a message, silent unless it mentions somebody; return what Discord has stored.

        `before` is what other messages have shown of the page, and `known` are the reply's messages. Raises
        `JournalUnwritable` before anything is sent, and `RestError`.
        """
        now = asyncio.get_running_loop().time()
        first = self._first_tries.get((number, self._generation))
        if first is None:
            # What the first try said: Discord may have taken it although its answer was lost.
            self._journal.sent_pages.intend(self._key, number, content, before)
            first = self._first_tries[number, self._generation] = now
        stored = await self._api.send_once(
            channel_id,
            content,
            tried=now - first,
            known=known,
            after=self._key,
            nonce=f"{self._key:x}.{number}.{self._generation:x}",
            silent=mention is None,
            mention=NO_MENTIONS if mention is None else Mentions((mention,)),
            reply_to=None if number else self.reply_to,
            view=view,
            files=files,
        )
        self._journal.sent_pages.posted(self._key, number, stored.message_id)
        return stored
