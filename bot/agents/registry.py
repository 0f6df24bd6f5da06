"""Assigns each thread its agent and settings, from the configuration and the journal."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from acp import Client, Place
from acp.paths import Lanes
from acp.places.here import HERE
from acp.schema import Implementation
from bot.config.agents import AgentConfig
from bot.config.appearance import Style
from bot.config.presets import FORK_POINTS
from bot.config.schema import ChannelConfig, Config
from pool.journal.journal import Journal
from pool.journal.threads import Assignment
from pool.session_setup import AgentSettings
from pool.turn_watchdog import TurnLimits

from .agent_options import read_options
from .far_files import FarFiles
from .places import Places
from .workspace_files import FileSource, LocalFiles, WorkspaceFiles

DEFAULT = "default"

READ_ONLY, PLAN = "read-only", "plan"
"""Usual ids of modes in which an agent changes nothing. One that only plans answers a question in a roundabout way."""


class Agents:
    """The agents of the configuration, by thread. Each look-up reads `config`, which may be replaced."""

    def __init__(self, config: Config, journal: Journal) -> None:
        """The journal remembers each thread's agent, directory and place."""
        self.config = config
        self.places = Places(config, journal.journal_id)
        self._journal = journal

    def choices(self, channel_id: int) -> tuple[str, ...]:
        """Return the names of the agents that a channel offers, its own first."""
        channel = self._channel(channel_id)
        others = channel.agents or tuple(self.config.agents.by_name)
        return (channel.agent, *(name for name in others if name != channel.agent))

    def begin(self, channel_id: int, name: str = "") -> Assignment:
        """Return the agent and the directory of a new conversation in a channel; `name` is the chosen agent, if any."""
        channel = self._channel(channel_id)
        name = name or channel.agent
        return Assignment(name, channel.cwd or str(self.config.agents.by_name[name].cwd))

    def assign(self, thread_id: int, name: str) -> None:
        """Give a thread another agent, or its own again: in the current directory, with a new session."""
        channel_id, _ = self._journal.threads.assignment(thread_id)
        self._journal.threads.assign(thread_id, self.begin(channel_id, name))

    def name(self, thread_id: int) -> str:
        """Return the name of a thread's agent; that of the channel's agent if its own left the configuration."""
        _, name, _ = self._assignment(thread_id)
        return name

    def title(self, thread_id: int, info: Implementation | None = None) -> str:
        """Return the display name of a thread's agent: `own_title`, behind its name unless it is the default agent."""
        return _named(self.name(thread_id), self.own_title(thread_id, info))

    def titles(self, channel_id: int) -> dict[str, str]:
        """Return the display names of the agents that a channel offers, by their names, its own first.

        An agent's title follows its name, unless it is the default one.
        """
        agents = self.config.agents.by_name
        return {name: _named(name, agents[name].title) for name in self.choices(channel_id)}

    def own_title(self, thread_id: int, info: Implementation | None = None) -> str:
        """Return the title of a thread's agent: the one that it reports, else its preset's, else the name it reports.

        Without `info`, the agent has what it reported last. Empty where nothing is known; never the command, which may
        be an interpreter.
        """
        known = self.of(thread_id).title
        if info is None:
            return read_options(self._journal.threads.offers(thread_id)).title or known
        return info.title or known or info.name

    def of(self, thread_id: int) -> AgentConfig:
        """Return the configuration of a thread's agent, with the channel's and the thread's settings applied."""
        return self._of(*self._assignment(thread_id))

    def _assignment(self, thread_id: int) -> tuple[ChannelConfig, str, str]:
        """Return a thread's channel configuration, and the thread's current agent and directory."""
        channel_id, (name, directory) = self._journal.threads.assignment(thread_id)
        channel = self._channel(channel_id)
        if name not in self.config.agents.by_name:
            return channel, *self.begin(channel_id)
        if not directory:
            return channel, *self.begin(channel_id, name)
        return channel, name, directory

    def _of(self, channel: ChannelConfig, name: str, directory: str) -> AgentConfig:
        update: dict[str, object] = {"cwd": Path(directory)}
        if channel.places:
            update["places"] = channel.places
        if channel.permission:
            update["permission"] = channel.permission
        if channel.mode and name == channel.agent:  # Another agent does not have that mode.
            update["mode"] = channel.mode
        return self.config.agents.by_name[name].model_copy(update=update)

    def settings(self, thread_id: int) -> AgentSettings:
        """Return the pool's settings for a thread's agent."""
        channel, name, directory = self._assignment(thread_id)
        parent_id = self._journal.forks.parent(thread_id)  # What it knows may name files of its parent.
        threads = (thread_id,) if parent_id is None else (thread_id, parent_id)
        agent = self._of(channel, name, directory)
        settings = self._settings(name, agent, tuple(map(self._files, threads)))
        far = [place for place in agent.places if place in self.places and not self.places[place].near]
        there = {place: tuple(Path(self._far_directory(place, each)) for each in threads) for place in far}
        return replace(settings, far_directories=there)

    def place(self, thread_id: int) -> Place:
        """Return the place of a thread's agent; without one, this machine, or the first one where the agent may run."""
        if kept := self._kept_place(thread_id):
            return self.places[kept]
        possible = self.of(thread_id).places
        return self.places[HERE if HERE in possible else possible[0]]

    def _kept_place(self, thread_id: int) -> str:
        kept = self._journal.threads.agent_place(thread_id) if len(self.places) > 1 else HERE
        return kept if kept in self.places else ""

    def far_place(self, thread_id: int) -> str:
        """Return the name of the place of a thread's agent; empty for this machine, and before its first start."""
        kept = self._kept_place(thread_id)
        return "" if kept == HERE else kept

    def side_modes(self, thread_id: int) -> tuple[str, ...]:
        """Return the ids of the modes in which a side question may be asked, in order of preference."""
        return (READ_ONLY, *self.of(thread_id).asking_modes, PLAN)

    def client_offer(self, settings: AgentSettings, marker: str, place: str = HERE) -> Client:
        """Return what an agent at a place may ask of us, and what its sessions get."""
        agent = self.config.agents.by_name[settings.agent].model_copy(update={"cwd": settings.cwd})
        near = self.places[place].near
        offered = agent.client_offer(marker, settings.launch) if near else agent.far_offer()
        return replace(
            offered,
            elicitation=frozenset({"form", "url"}),
            notices=True,
            compaction=True,
            subagents=True,
            fork_points=FORK_POINTS,
        )

    @property
    def introduces(self) -> bool:
        """Whether a new session's first answer begins with an introduction."""
        return self.config.threads.introduction

    @property
    def warm(self) -> list[tuple[AgentSettings, int]]:
        """The agents to keep warm, and how many of each."""
        agents = self.config.agents.by_name
        return [(self._settings(name, agent), agent.warm) for name, agent in agents.items() if agent.warm]

    def style(self, thread_id: int) -> Style:
        """Return the style of a thread's replies."""
        return self.config.reply.style(self.of(thread_id).cwd)

    def files(self, thread_id: int, lanes: Lanes) -> FileSource:
        """Return where the files are read that a thread's agent links to."""
        if (far := self.far_files(thread_id)) is not None:
            return far
        return LocalFiles(lanes, thread_id, self.workspace_files(thread_id))

    def far_files(self, thread_id: int) -> FarFiles | None:
        """Return the files of a thread whose agent is on another machine; None on this one."""
        place = self.place(thread_id)
        if place.near:
            return None
        agent = self.of(thread_id)
        directory = self._far_directory(place.name, thread_id)
        return FarFiles(place, (agent.cwd, *agent.additional_directories, Path(directory)), directory)

    def workspace_files(self, thread_id: int) -> Callable[[], WorkspaceFiles]:
        """Return a function that opens the files a thread's agent may post. It blocks on the file system."""
        agent = self.of(thread_id)
        directories = (agent.cwd, *agent.additional_directories)
        return partial(_outbox, directories, self._files(thread_id), self.config.own_files)

    def _settings(self, name: str, agent: AgentConfig, files: tuple[Path, ...] = ()) -> AgentSettings:
        pool = self.config.pool
        bounds = TurnLimits(
            silence=pool.silence_seconds,
            ceiling=agent.ceiling_minutes * 60,
            question=pool.question_hours * 3600,
            reminder=pool.reminder_hours * 3600,
        )
        return AgentSettings(
            agent.launch(files), name, agent.mode, bounds, files, places=agent.places, memory=agent.memory
        )

    def _files(self, thread_id: int) -> Path:
        """Return the directory of the files that people attached in a thread."""
        return self.config.journal.attachments / str(thread_id)

    def _far_directory(self, place: str, thread_id: int) -> PurePosixPath:
        """Return the directory of those files at another place."""
        return PurePosixPath(self.config.places[place].files, self._journal.journal_id, str(thread_id))

    def _channel(self, channel_id: int) -> ChannelConfig:
        return self.config.channels.get(channel_id, NOTHING_SAID)


def _named(name: str, title: str) -> str:
    return (title or name) if name == DEFAULT else f"{name} · {title}" if title else name


def _outbox(directories: Sequence[Path], files: Path, withheld: Sequence[Path]) -> WorkspaceFiles:
    # An agent can write there: a link in place of the directory must not widen its access.
    also = () if files.is_symlink() else (files,)
    return WorkspaceFiles((*directories, *also), withheld=withheld)


NOTHING_SAID = ChannelConfig()
