"""Names threads: first by the request, then at most once by the agent's title, unless a person has renamed them.

The name that a person gives a thread goes to its agent's session too.
"""

from collections import OrderedDict
from collections.abc import Callable

import structlog

from bot.prompt.request import Request
from bot.rest.api import DiscordApi
from bot.rest.backoff import ATTEMPTS, Backoff
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.errors import RestError, TryLater
from bot.text.redaction import redact_tokens
from pool.journal.threads import ThreadRows
from pool.session_setup import TITLE

NAME = 60
"""Characters of a thread's name; Discord allows 100, lists show fewer."""

MOST_OWN = 1000
"""Names of the bot's own whose echo by Discord is expected, at most; it comes within seconds."""

LOOKED_AT = 10_000
"""Characters of a text that are searched for its first words; an agent may send megabytes as a title."""

NEUTRAL = "Conversation"
"""The name of a thread whose request has no words, or words that the server refuses in names."""

_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
"""Invisible characters that emoji and some scripts are made with."""

_UNSEEN = dict.fromkeys(
    (
        *(0xAD, 0x61C, 0x115F, 0x1160, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
        *(0x2800, 0x3164, 0xFEFF, 0xFFA0),
    )
)

log = structlog.stdlib.get_logger("bot")


class ThreadNames:
    """Renames threads, each once, behind all that is more urgent: Discord takes two renames in ten minutes."""

    def __init__(self, *, threads: ThreadRows, api: DiscordApi, redact: Callable[[str], str]) -> None:
        """`threads` remembers the names that the bot has given; `redact` takes secrets out of what an agent says."""
        self._threads = threads
        self._api = api
        self._redact = redact
        self._own: OrderedDict[int, str] = OrderedDict()
        """The names that the bot is giving, by thread."""

    def opened(self, thread_id: int, name: str) -> None:
        """Remember the name under which the bot has opened a thread."""
        self._threads.set_name(thread_id, name)

    def title(self, thread_id: int, title: str) -> None:
        """Name a thread by the agent's title of the conversation, unless it has another name by now."""
        given = self._threads.name(thread_id)
        name = thread_name(self._redact(title))
        if not given or not name:
            return
        self._threads.set_name(thread_id, "")
        if name != given:
            backoff = Backoff(ATTEMPTS)
            job = ApiCall(thread_id, lambda: self._rename(job, given, name), Urgency.LOW, Bucket.CHANNEL, backoff)
            self._api.pacer.put(job)

    def renamed(self, thread_id: int, name: str) -> bool:
        """Note that a thread has another name now. Return whether its session is to get it: a person has given it."""
        if self._own.pop(thread_id, None) == name or not self._threads.knows(thread_id):
            return False
        self._threads.set_name(thread_id, "")
        title = _visible(redact_tokens(name))
        if title:
            self._threads.keep(thread_id, TITLE, title)
        return bool(title)

    async def _rename(self, job: ApiCall, given: str, name: str) -> None:
        self._own[job.channel_id or 0] = name  # Discord may report it before it answers.
        if len(self._own) > MOST_OWN:
            self._own.popitem(last=False)
        try:
            await self._api.rename(job.channel_id or 0, given, name)
        except TryLater as error:
            self._api.pacer.retry(job, error)
        except RestError as error:
            log.info("a thread could not be renamed", thread_id=job.channel_id, reason=str(error))


def name_for(request: Request, redact: Callable[[str], str]) -> str:
    """Name the thread of a request by its words, else by its first file, else by what it quotes, without secrets."""
    files = (*request.attachments, *(file for quote in request.quotes for file in quote.attachments))
    said = (request.text, *(file.name for file in files), *(quote.text for quote in request.quotes))
    return next(filter(None, (thread_name(redact(text)) for text in said)), NEUTRAL)


def thread_name(text: str) -> str:
    """Name a thread by the first words of a text: about 60 characters, cut at a word, without access tokens.

    Characters that change the direction of text are left out, and so are invisible ones outside of emoji.
    """
    words = _visible(redact_tokens(text[:LOOKED_AT]))
    if len(words) <= NAME:
        return words
    head = words[:NAME]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,.;:") + "…"


def _visible(text: str) -> str:
    """Return a text on one line without invisible characters; empty if there are no others."""
    words = " ".join(text.translate(_UNSEEN).split())
    return words if words.strip(_JOINERS) else ""
