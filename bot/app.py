"""The composition root: builds everything, owns the tasks, handles signals, and ends it all in order."""

import asyncio
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp
import discord
import structlog
import yarl

from acp import Agent, end_survivors
from pool.database import put_aside
from pool.journal import Journal, JournalError
from pool.opening import Settings
from pool.pool import Limits, Pool
from pool.watch import Bounds

from . import words
from .client import ThreadlineClient
from .config import Config
from .exchange import Desk
from .locks import LockHeld, journal_lock, user_lock
from .logs import redactor
from .outbox import Outbox
from .pacer import Pacer
from .permission import Cards
from .recovery import Recovery
from .rest import Rest

__all__ = ["App", "StartFailed", "protect_process", "watch_children"]

REPLY_SECONDS = 8.0
"""What replies get to be posted when the bot stops."""

CLIENT_SECONDS = 2.0
"""Bound on closing the connection to Discord."""

RECONNECT_SECONDS = 1.0
LONGEST_RECONNECT_SECONDS = 60.0
"""Wait before the client is built anew, doubling: the library's own wait grows to 17 minutes."""

PR_SET_DUMPABLE = 4

log = structlog.stdlib.get_logger("bot")


class StartFailed(Exception):
    """The bot cannot run; the text says what to do about it."""


class App:
    """The bot. `run` works until `stop` is called or a signal comes."""

    def __init__(self, config: Config, *, new_journal: bool = False) -> None:
        """Take the configuration; nothing is opened yet. `new_journal` puts a journal that is no use aside."""
        self._config = config
        self._new_journal = new_journal
        self._client: ThreadlineClient | None = None
        self._locks = ExitStack()
        self._locked_user: int | None = None
        self._stopping = asyncio.Event()
        self.ready = asyncio.Event()
        """Set when Discord has said READY for the first time."""

    def stop(self) -> None:
        """Begin to end."""
        self._stopping.set()

    async def run(self) -> None:
        """Open the journal, connect, work, and end in order. Raises `StartFailed`, `LockHeld`, `JournalError`."""
        file = self._config.journal.file
        with ExitStack() as stack:
            self._locks = stack
            stack.enter_context(journal_lock(file))
            journal = stack.enter_context(self._open(file))
            left = await end_survivors(f"{journal.journal_id}/", gently=False)
            if left:
                log.warning("ended processes that an earlier run had left", count=left)
            await self._work(journal)

    def _open(self, file: Path) -> Journal:
        try:
            return Journal.open(file)
        except JournalError as error:
            if not self._new_journal:
                raise
            aside = put_aside(file)
            log.warning("put a journal aside that cannot be used", reason=str(error), renamed_to=str(aside))
            return Journal.open(file)

    async def _work(self, journal: Journal) -> None:
        config, rest, pacer = self._config, Rest(), Pacer()
        cards = Cards(journal=journal, pacer=pacer, rest=rest)
        redact = redactor(config.secrets)
        directory = config.agents.default.cwd
        desk = Desk(
            journal=journal,
            pacer=pacer,
            rest=rest,
            cards=cards,
            outbox=Outbox([directory], withheld=config.own_files),
            style=config.reply.style(directory),
            redact=redact,
            reactions=config.reactions.enabled,
        )
        pool = self._pool(journal, desk)
        recovery = Recovery(journal=journal, pool=pool, desk=desk)
        async with asyncio.TaskGroup() as tasks:
            pacing = tasks.create_task(pacer.run(), name="pacer")
            with self._signals(pool):
                async with pool:
                    client = tasks.create_task(self._connect(pool, journal, desk, recovery), name="client")
                    failed = await self._until_stopped(client)
                await desk.finish(REPLY_SECONDS)
            await self._disconnect(client)
            pacing.cancel()
        if failed is not None:
            raise failed

    def _pool(self, journal: Journal, desk: Desk) -> Pool:
        config, agent = self._config.pool, self._config.agents.default
        how = agent.launch()

        async def spawn(marker: str) -> Agent:
            return await Agent.spawn(how, marker=marker)

        limits = Limits(
            max_agents=config.max_agents,
            idle_seconds=config.idle_minutes * 60,
            warm=agent.warm,
            max_memory=config.max_memory,
            per_user=config.per_user,
            per_thread=config.per_thread,
            per_minute=config.per_minute,
            bounds=Bounds(config.silence_seconds, agent.ceiling_minutes * 60, config.question_hours * 3600),
        )
        return Pool(
            Settings(agent.cwd, agent.mode),
            spawn=spawn,
            journal=journal,
            limits=limits,
            on_held=desk.tell_held,
            on_released=lambda thread_id: desk.tell(thread_id, words.RELEASED),
        )

    # ---- Discord

    async def _connect(self, pool: Pool, journal: Journal, desk: Desk, recovery: Recovery) -> StartFailed:
        """Keep a client alive, building a new one when it has died. Returns the reason why that is pointless."""
        self._point_at_endpoint()
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # There is no voice here to warn about.
        wait = RECONNECT_SECONDS
        while True:
            client = desk.rest.client = self._client = ThreadlineClient(
                config=self._config,
                pool=pool,
                journal=journal,
                desk=desk,
                recovery=recovery,
                on_login=self._lock_user,
                on_ready=self.ready.set,
            )
            started = asyncio.get_running_loop().time()
            try:
                await client.start(self._config.discord.token.get_secret_value())
                reason = "the connection was closed"
            except LockHeld as error:
                return StartFailed(str(error))
            except discord.LoginFailure:
                return StartFailed("Discord refused the token: check discord.token")
            except discord.PrivilegedIntentsRequired:
                return StartFailed(
                    "Discord refused the Message Content intent: turn it on in the developer portal, Bot"
                )
            except Exception as error:  # noqa: BLE001 - whatever ends a client is no reason to end the bot
                if not self.ready.is_set():
                    return StartFailed(f"cannot connect to {self._where}: {_reason(error)}")
                reason = _reason(error)
            finally:
                await client.close()
            if asyncio.get_running_loop().time() - started > LONGEST_RECONNECT_SECONDS:
                wait = RECONNECT_SECONDS
            log.warning("connection to Discord lost", reason=reason, again_in=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_RECONNECT_SECONDS)

    def _lock_user(self, user_id: int) -> None:
        """See to it that no other process works for the same bot. Raises `LockHeld`."""
        if self._locked_user is None:
            self._locks.enter_context(user_lock(user_id))
            self._locked_user = user_id

    @property
    def _where(self) -> str:
        return self._config.discord.endpoint or "Discord"

    def _point_at_endpoint(self) -> None:
        """Send the library to another server: two class attributes, read at login."""
        endpoint = self._config.discord.endpoint
        if endpoint:
            discord.http.Route.BASE = f"{endpoint}/api/v10"
            gateway = yarl.URL(endpoint) / "gateway/"
            scheme = "wss" if gateway.scheme == "https" else "ws"
            discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway.with_scheme(scheme)

    async def _until_stopped(self, client: asyncio.Task[StartFailed]) -> StartFailed | None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((stopping, client), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if self._client is not None:
                self._client.intake = False
        return client.result() if client.done() else None

    async def _disconnect(self, client: asyncio.Task[StartFailed]) -> None:
        if self._client is not None:
            try:
                async with asyncio.timeout(CLIENT_SECONDS):
                    await self._client.close()
            except TimeoutError:
                log.warning("Discord did not let go of the connection in time")
        client.cancel()

    # ---- the end

    @contextmanager
    def _signals(self, pool: Pool) -> Iterator[None]:
        """The first SIGTERM or SIGINT begins the end; a second one kills the agents at once."""
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if self._stopping.is_set():
                pool.kill()
            self._stopping.set()

        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, on_signal)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorError():
            return error.os_error.strerror or str(error)
        case discord.HTTPException():
            return f"{error.status} {error.text}".strip()
        case _:
            return str(error) or type(error).__name__


def protect_process() -> None:
    """Hide our environment from processes of the same user, and allow for many agents' pipes."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def watch_children() -> None:
    """On Python 3.11, watch child processes without a thread for each; later Pythons do so by themselves."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)
