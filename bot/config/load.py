"""Loads the configuration file, resolves its paths, and checks it: each error has the file, the line and the key."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import error_texts as texts
from .agents import AgentConfig, AgentsConfig
from .document import Document, read
from .file_exposure import readable_by_others, writable_by_others
from .mistakes import Problem
from .requirements import unmet_requirements
from .schema import AuditConfig, Config, JournalConfig
from .secrets import TOKEN, literal_secrets
from .values import expand_home


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file, and check it against this machine. Raises `ConfigError`."""
    config, document = _read(path, environ)
    document.raise_problems([*_exposed(document), *unmet_requirements(config)])
    return config


def read_config(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file without checking it against this machine. Raises `ConfigError`."""
    config, document = _read(path, environ)
    document.raise_problems(_exposed(document))
    return config


def _read(path: Path, environ: Mapping[str, str]) -> tuple[Config, Document[Config]]:
    document = read(path, environ, Config)
    config = _resolve_paths(document.content, path.resolve().parent)
    config.set_source(document)
    return config, document


def _exposed(document: Document[Config]) -> Iterator[Problem]:
    """Find out whether other accounts may change the file, which names programs, or read the token in it."""
    path = document.path
    if writable_by_others(path):
        yield (), texts.EXPOSED_TO_WRITING.format(path=path)
    if readable_by_others(path) and TOKEN in literal_secrets(document.content, document.variables):
        yield TOKEN, texts.READABLE.format(path=path)


def _resolve_paths(config: Config, base: Path) -> Config:
    """Make paths absolute; relative ones start at `base`, the directory of the configuration file."""
    agents = {name: _resolve_agent(agent, base) for name, agent in config.agents.by_name.items()}
    channels = {
        channel_id: channel.model_copy(update={"cwd": channel.cwd and str(base / expand_home(Path(channel.cwd)))})
        for channel_id, channel in config.channels.items()
    }
    update: dict[str, Any] = {"agents": AgentsConfig.model_construct(None, **agents), "channels": channels}
    if config.journal.path:
        update["journal"] = JournalConfig(path=str(base / config.journal.file))
    if config.audit.file is not None:
        update["audit"] = AuditConfig(path=str(base / config.audit.file))
    return config.model_copy(update=update)


def _resolve_agent(agent: AgentConfig, base: Path) -> AgentConfig:
    def absolute(paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(base / expand_home(each) for each in paths)

    box = agent.sandbox.model_copy(update={key: absolute(getattr(agent.sandbox, key)) for key in ("read", "write")})
    others = absolute(agent.additional_directories)
    update = {"cwd": base / expand_home(agent.cwd), "additional_directories": others, "sandbox": box}
    return agent.model_copy(update=update)
