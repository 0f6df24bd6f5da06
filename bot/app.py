"""The composition root: builds everything, owns the tasks, handles signals, and shuts down in order."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

import structlog
from structlog.contextvars import bound_contextvars

from acp import Agent, end_survivors
from bot.access.admission import Admission
from bot.access.audit import Audit
from bot.access.summary import describe_rules
from bot.agents.registry import Agents
from bot.commands.command_client import ClientServices
from bot.config.reload import Reloaded, reload
from bot.config.schema import Config
from bot.config.secrets import secrets_of
from bot.conversation.agent_logins import AgentLogins
from bot.conversation.exchange_context import ExchangeContext
from bot.gateway.client import ClientCallbacks, ThreadlineClient
from bot.gateway.connection import client_options, describe_error
from bot.gateway.identify_limit import IdentifyLimit
from bot.gateway.presence import Presence
from bot.gateway.supervisor import SupervisedClient
from bot.intake.background_work import BackgroundWork
from bot.intake.deleted_places import DeletedPlaces
from bot.intake.forks import ForkedThreads
from bot.intake.intake import Intake
from bot.intake.queue_notice import QueueNotices
from bot.intake.recovery import Recovery
from bot.intake.side_questions import SideQuestions
from bot.interactions.cards import Cards
from bot.interactions.continue_button import show_preempted
from bot.operations.health import Health
from bot.operations.locks import journal_lock, user_lock
from bot.operations.metrics import Metrics
from bot.operations.start_failure import NeedsPerson, StartFailed
from bot.operations.systemd import notify
from bot.prompt.attachments import Attachments
from bot.reply.order import ReplyOrder
from bot.rest.api import DiscordApi
from bot.rest.http_trace import trace
from bot.text.redaction import Redactor
from bot.user_messages import journal_errors, start_errors
from pool.journal.database import put_aside
from pool.journal.errors import JournalUnusable
from pool.journal.journal import Journal
from pool.limits import Limits
from pool.pool import Pool, PoolEvents
from pool.session_setup import AgentSettings

REPLY_SECONDS = 8.0
"""Bound on posting replies when the bot stops."""

SIGN_SECONDS = 1.0
"""Bound on adding the last reactions when the bot stops."""

log = structlog.stdlib.get_logger("bot")


class App:
    """The bot. `run` works until `stop` is called or a signal comes."""

    def __init__(self, config: Config, *, new_journal: bool = False) -> None:
        """Take the configuration. `new_journal` replaces a journal that cannot be used, and keeps the old file."""
        self._config = config
        self._new_journal = new_journal
        self._locks = ExitStack()
        self._locked_user: int | None = None
        self._supervised: SupervisedClient | None = None
        self._intake: Intake | None = None
        self._stopping = asyncio.Event()
        self._why_stopped = ""
        self.ready = asyncio.Event()
        """Set at the first READY."""
        self.metrics_address = ""
        """The address of metrics and health, `http://HOST:PORT`; empty if they are not served."""

    def stop(self, why: str = "asked to") -> None:
        """Begin to stop; the log says why."""
        self._why_stopped = self._why_stopped or why
        self._stopping.set()

    async def run(self) -> None:
        """Open the journal, connect, work, and shut down in order. Raises `StartFailed`, `JournalError`."""
        file = self._config.journal.file
        with ExitStack() as stack:
            self._locks = stack
            stack.enter_context(journal_lock(file, self._config.file))
            metrics = Metrics()
            journal = stack.enter_context(self._open(file, metrics))
            left = await end_survivors(f"{journal.journal_id}/", gently=False)
            if left:
                log.warning("ended processes that an earlier run had left", count=left)
            await self._work(journal, metrics)

    def _open(self, file: Path, metrics: Metrics) -> Journal:
        try:
            return Journal.open(file, on_moved=metrics.moved)
        except JournalUnusable as error:
            if not self._new_journal:
                raise
            aside = put_aside(file)
            log.warning("put a journal aside that cannot be used", reason=str(error), renamed_to=str(aside))
            return Journal.open(file, on_moved=metrics.moved)

    async def _work(self, journal: Journal, metrics: Metrics) -> None:
        config, api = self._config, DiscordApi()
        agents, redact = Agents(config, journal), Redactor(secrets_of(config))
        audit = self._audit(redact, agents.far_place)
        admission = Admission(
            rules=lambda: agents.config.rules, journal=journal, api=api, audit=audit, config_file=config.file
        )
        replies = ReplyOrder()
        cards = Cards(
            journal=journal,
            api=api,
            permission=lambda thread_id: agents.of(thread_id).permission,
            recipients=admission.approver_mentions,
            place=replies.ask,
            audit=audit,
            components=lambda: agents.config.reply.components,
        )
        attachments = Attachments(config.journal.attachments, **client_options(config.discord))
        context = ExchangeContext(
            journal=journal,
            api=api,
            cards=cards,
            replies=replies,
            attachments=attachments,
            agents=agents,
            redact=redact,
            reactions=config.reactions,
            membership=admission.membership,
            audit=audit,
        )
        queue_notices = QueueNotices(context.notices)
        pool = self._pool(context, metrics, queue_notices)
        recovery = Recovery(pool=pool, context=context, queue_notices=queue_notices, begun=admission.begun)
        context.on_turn_started = recovery.interruptions.thread_continued
        queue_notices.asks = recovery.interruptions.queue_changed
        context.on_interrupted = recovery.interruptions.ask_about
        context.on_settled = recovery.interruptions.settled
        background = BackgroundWork()
        supervised = self._supervised = self._supervise(admission, context, pool, recovery, metrics, background)
        health = Health(
            lambda: supervised.connected,
            trouble=lambda: journal_errors.trouble(journal.trouble),
            away=lambda: api.pacer.trouble,
        )
        async with attachments, self._endpoint(metrics, pool, cards, health), asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(health.run(), name="health")
            showing = tasks.create_task(Presence(pool, lambda: supervised.client).run(), name="presence")
            pacing = tasks.create_task(api.pacer.run(), name="pacer")
            cleaning = tasks.create_task(attachments.keep_clean(), name="attachments")
            working = tasks.create_task(background.run(), name="background")
            with self._signals(pool, context), closing(audit):
                async with pool:
                    client = tasks.create_task(supervised.run(), name="client")
                    failed = await self._until_stopped(client)
                await context.replies.settled(REPLY_SECONDS)
                await api.pacer.drain(SIGN_SECONDS)
            for task in (client, pacing, beating, showing, cleaning, working):
                task.cancel()
        if failed is not None:
            raise failed

    def _audit(self, redact: Callable[[str], str], machine: Callable[[int], str]) -> Audit:
        """Open the audit log. Raises `NeedsPerson`."""
        path = self._config.audit.file
        audit = Audit(path, redact=redact, machine=machine)
        try:
            audit.open()
        except OSError as error:
            raise NeedsPerson(start_errors.audit_unwritable(path, error.strerror)) from None
        return audit

    @asynccontextmanager
    async def _endpoint(self, metrics: Metrics, pool: Pool, cards: Cards, health: Health) -> AsyncIterator[None]:
        """Serve metrics and health, if configured. Raises `StartFailed`."""
        if self._config.metrics.address is None:
            yield
            return
        # 3 MB: a web server and Prometheus's library. Nothing is connected yet that loading them could hold up.
        from bot.operations.http_endpoint import MonitoringEndpoint  # noqa: PLC0415
        from bot.operations.prometheus_text import PrometheusText  # noqa: PLC0415

        host, port = self._config.metrics.address
        figures = PrometheusText(metrics)
        figures.watch(pool, cards, health)
        endpoint = MonitoringEndpoint(host, port, figures=figures, health=health)
        try:
            self.metrics_address = await endpoint.open()
        except OSError as error:
            kind = NeedsPerson if isinstance(error, PermissionError) else StartFailed
            raise kind(start_errors.cannot_listen(host, port, describe_error(error))) from None
        log.info("serving figures and health", address=self.metrics_address)
        try:
            yield
        finally:
            await endpoint.close()

    def _pool(self, context: ExchangeContext, metrics: Metrics, queue_notices: QueueNotices) -> Pool:
        config, agents = self._config.pool, context.agents

        async def spawn(settings: AgentSettings, marker: str, place: str, on_waiting: Callable[[str], None]) -> Agent:
            # Bound in everything that the agent's pipes and tasks log.
            with bound_contextvars(agent=settings.agent, place=place), metrics.agent_start():
                return await Agent.spawn(
                    settings.launch_at(place),
                    marker=marker,
                    client=agents.client_offer(settings, marker, place),
                    place=agents.places[place],
                    on_waiting=on_waiting,
                )

        limits = Limits(
            max_agents=config.max_agents,
            idle_seconds=config.idle_minutes * 60,
            max_memory=config.max_memory,
            max_memory_per_agent=config.max_memory_per_agent,
            per_user=config.per_user,
            per_thread=config.per_thread,
            per_minute=config.per_minute,
            exclusive=self._config.threads.directory == "exclusive",
        )
        return Pool(
            agents.settings,
            spawn=spawn,
            journal=context.journal,
            limits=limits,
            warm=agents.warm,
            far=agents.places.far,
            events=PoolEvents(
                on_preempted=lambda thread_id: show_preempted(context.notices, thread_id),
                on_queue=queue_notices.update,
                on_over_memory=context.over_memory,
                on_login=context.login_changed,
            ),
        )

    # ---- Discord

    def _supervise(
        self,
        admission: Admission,
        context: ExchangeContext,
        pool: Pool,
        recovery: Recovery,
        metrics: Metrics,
        work: BackgroundWork,
    ) -> SupervisedClient:
        places = DeletedPlaces(journal=context.journal, pool=pool, api=context.api, on_gone=recovery.thread_deleted)
        intake = self._intake = Intake(
            pool=pool, admission=admission, context=context, recovery=recovery, places=places
        )
        services = ClientServices(
            pool=pool,
            context=context,
            admission=admission,
            intake=intake,
            interruptions=recovery.interruptions,
            logins=AgentLogins(pool, context),
            forks=ForkedThreads(pool=pool, context=context, drafts=recovery.drafts, enqueue=intake.enqueue, work=work),
            side_questions=SideQuestions(pool=pool, context=context, drafts=recovery.drafts, work=work),
            reload=lambda: self._reload(context),
        )
        callbacks = ClientCallbacks(on_login=self._lock_user, on_missed=metrics.missed, on_ready=self._on_ready)

        def build() -> ThreadlineClient:
            metrics.client_built()
            return ThreadlineClient(
                config=self._config,
                services=services,
                recovery=recovery,
                places=places,
                callbacks=callbacks,
                http_trace=metrics.count(trace(context.api.pacer)),
            )

        has_connected = IdentifyLimit(context.journal).allowance.last > 0
        supervised = SupervisedClient(self._config.discord, api=context.api, build=build, has_connected=has_connected)
        context.api.listen(
            on_lost=places.thread_deleted,
            is_unopened=places.is_unopened,
            on_locked=places.thread_locked,
            on_restored=supervised.wake,
        )
        return supervised

    def _on_ready(self) -> None:
        self.ready.set()
        notify("READY=1", "STATUS=connected to Discord")

    def _reload(self, context: ExchangeContext) -> Reloaded:
        """Read the configuration again, and apply what may change while the bot runs."""
        reloaded = reload(self._config)
        self._config = context.agents.config = reloaded.config
        if reloaded.mistake:
            log.error("the configuration was not taken over", reason=reloaded.mistake)
        else:
            log.info("read the configuration again", taken_over=reloaded.applied, only_by_restart=reloaded.waiting)
        if reloaded.applied:
            context.audit.record(
                "changed", f"configuration: {', '.join(reloaded.applied)}", user_id=None, thread_id=None
            )
            if self._supervised is not None and (client := self._supervised.client) is not None:
                for sentence in describe_rules(reloaded.config.rules, client.name_of):
                    log.info(sentence)
        return reloaded

    def _lock_user(self, user_id: int) -> None:
        """Lock the bot's user, so that no other process works for it. Raises `LockHeld`."""
        if self._locked_user is None:
            self._locks.enter_context(user_lock(user_id, self._config.file))
            self._locked_user = user_id

    async def _until_stopped(self, client: asyncio.Task[StartFailed]) -> StartFailed | None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((stopping, client), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            ended = client.done() and not client.cancelled()
            self.stop(str(client.exception() or client.result()) if ended else "an error")
            if self.ready.is_set() or not ended:  # The caller reports a failed start.
                log.info("stopping", reason=self._why_stopped)
            notify("STOPPING=1", f"STATUS=stopping: {self._why_stopped}")
            if self._intake is not None:
                self._intake.is_open = False
        return client.result() if client.done() else None

    # ---- shutdown

    @contextmanager
    def _signals(self, pool: Pool, context: ExchangeContext) -> Iterator[None]:
        """The first SIGTERM or SIGINT stops the bot, a second one kills the agents; SIGHUP reloads."""
        loop = asyncio.get_running_loop()

        def on_signal(number: signal.Signals) -> None:
            if self._stopping.is_set():
                log.warning("ending the agents at once", reason=f"a second signal: {number.name}")
                pool.kill()
            self.stop(number.name)

        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, on_signal, number)
        loop.add_signal_handler(signal.SIGHUP, self._reload, context)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)
