"""The answers that flags give to `threadline init`, checked before anything is asked or written."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bot.cli.common import fail
from bot.cli.texts import failures
from bot.config.env_file import variables_path
from bot.config.mistakes import closest
from bot.config.presets import PRESETS
from bot.config.schema import AccessConfig

from .config_template import split_command


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The flags' answers. `path` is the configuration to write."""

    path: Path
    token_file: Path | None
    endpoint: str
    intent: bool | None
    channels: tuple[str, ...]
    users: tuple[str, ...]
    agent: str
    cwd: str
    sandbox: bool | None
    wait: float
    yes: bool
    force: bool
    check: bool | None


def check_answers(answers: Answers) -> None:
    """End the program where an answer is unusable, before any question to Discord and any written file."""
    for path in (answers.path, variables_path(answers.path)):
        if path.exists() and not answers.force:
            fail(failures.exists(path), 2)
    folder = answers.path.absolute().parent
    if not folder.is_dir():
        fail(failures.no_folder(answers.path.parent), 2)
    if not os.access(folder, os.W_OK | os.X_OK):
        fail(failures.closed_folder(folder), 2)
    channel_ids(answers)
    try:
        AccessConfig.model_validate({"users": list(answers.users)})
        command = split_command(answers.agent)[0] if answers.agent else ""
    except ValidationError as error:
        fail(failures.bad_flag("--user", error.errors()[0]["ctx"]["error"]), 2)
    except ValueError as error:
        fail(failures.bad_flag("--agent", failures.bad_agent(error, answers.agent)), 2)
    if command and (unknown := why_unknown(command)):
        fail(failures.bad_flag("--agent", unknown), 2)


def why_unknown(command: str) -> str:
    """Say why an agent cannot be started, unless it is the name of a preset, which may be installed later."""
    if command in PRESETS or shutil.which(command):
        return ""
    return failures.agent_not_found(command, closest(command, PRESETS), PRESETS)


def channel_ids(answers: Answers) -> set[int]:
    """Return the named channels, or end the program."""
    for text in answers.channels:
        if not re.fullmatch(r"[0-9]{1,20}", text):
            fail(failures.not_an_id(text), 2)
    return set(map(int, answers.channels))
