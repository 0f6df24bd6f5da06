"""The lines of a reply about the agent's session: which agent answers, and in which mode it works."""

from acp import Session
from bot.agents.agent_options import AgentOptions, write_options
from bot.agents.registry import Agents
from bot.reply.reply import Reply
from bot.text.redaction import Redactor
from bot.user_messages import notices
from pool.journal.threads import ThreadRows

MODES = 20
"""Changes of the agent's mode after which only the last one is shown: each line is shown, however many there are."""


class SessionLines:
    """What one reply shows of its session; silent until `begin`."""

    def __init__(self, reply: Reply, agents: Agents, threads: ThreadRows, redact: Redactor) -> None:
        """`threads` remembers what an agent offers; `redact` takes secrets out of text for people."""
        self._reply = reply
        self._agents = agents
        self._threads = threads
        self._redact = redact
        self._thread_id = 0
        self._session: Session | None = None
        self._mode: str | None = None
        self._expected: str | None = None
        self._changes = 0
        self.is_new = False
        """Whether the session is new, and the agent has not been introduced yet."""

    def begin(self, thread_id: int, session: Session) -> None:
        """Take the session that has got the prompt."""
        self._thread_id, self._session, self._mode = thread_id, session, session.mode

    def introduce(self) -> None:
        """Name the agent above a new session's first answer; before the answer comes that would only delay it."""
        agents, thread_id = self._agents, self._thread_id
        if self.is_new and self._session is not None and agents.introduces:
            offers, agent = AgentOptions.of(self._session).without(self._redact), agents.of(thread_id)
            asks = self._session.mode in agent.asking_modes
            line = notices.introduction(
                self._redact(agents.title(thread_id, self._session.agent_info)),
                model=offers.current("model"),
                directory=agent.cwd,
                unsafe_mode="" if asks else offers.current("mode"),
            )
            self._reply.line(line)
        self.is_new = False

    def expect_mode(self, mode: str | None) -> None:
        """Leave this mode out while a person sets it: the thread is told who. None: it is set, or could not be."""
        if self._session is not None and self._session.mode == self._expected:
            self._mode = self._expected  # The agent need not report it.
        self._expected = mode

    def show_mode(self) -> None:
        """Show that the agent has changed its mode by itself."""
        if self._session is not None and self._session.mode != self._mode:
            self._mode = self._session.mode
            if self._mode == self._expected:
                return
            self._changes += 1
            if self._changes < MODES:
                self._show_mode_of(self._session)
            elif self._changes == MODES:
                self._reply.line(notices.MODES)

    def show_last_mode(self) -> None:
        """Show the mode at the end, where not every change was shown."""
        if self._session is not None and self._changes >= MODES:
            self._show_mode_of(self._session)

    def remember_offers(self) -> None:
        """Write down what the agent offers, for when it sleeps."""
        if self._session is not None:
            title = self._agents.own_title(self._thread_id, self._session.agent_info)
            offers = write_options(AgentOptions.of(self._session, title))
            if offers != self._threads.offers(self._thread_id):
                self._threads.set_offers(self._thread_id, offers)

    def _show_mode_of(self, session: Session) -> None:
        self._reply.line(notices.mode(self._redact(AgentOptions.of(session).current("mode") or self._mode or "")))
