"""`threadline report`: everything that a helper has to know, in one text without secrets."""

import asyncio
import logging
import os
import platform
import re
import sqlite3
import sys
import tomllib
from collections import deque
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from bot.agents.probe import Depth, probe_agent
from bot.agents.probe_result import as_lines
from bot.config.document import ConfigError
from bot.config.env_file import load_variables
from bot.config.load import load
from bot.config.schema import Config
from bot.config.search import find
from bot.config.secrets import SECRET_NAME, secrets_of
from bot.config.toml_writer import toml_array, toml_string
from bot.operations import logs
from bot.text.redaction import Redactor

from .common import CONFIG, fail, run_async
from .texts import failures, options, results

LINES = 200
"""The last log lines in the report."""

LIBRARIES = ("discord.py", "aiohttp", "pydantic", "structlog", "click", "rich")

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = rf"[\w.-]*(?:{SECRET_NAME.pattern})[\w.-]*"
_ASSIGNED_SECRET = re.compile(rf"\A[^\s=]*?{_NAME}=(?P<rest>.+)", re.IGNORECASE | re.DOTALL)
"""An argument that begins with a secret's name and an equals sign: all the rest may be secret."""
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
"""The credentials in an address: name, colon and password."""
_INLINE_SECRET = re.compile(
    rf"""
      (?P<caller>{_CREDENTIALS.pattern})
    | {_NAME}["']?\s*[=:]\s*(?:(?:Bearer|Basic|Token)\s+)?(?P<value>"[^"]+"|'[^']+'|(?!\$\{{)[^\s"'&;,}}]+)
    | (?P<shape>\b(?:sk-|gh[a-z]_|github_pat_|glpat-|xox[a-z]-|AKIA|AIza)[\w-]{{8,}})
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""A secret within a text: credentials in an address, a value behind a secret's name, a key of a known form."""
_ANNOUNCES_SECRET = re.compile(
    rf"-[\w-]*(?:{SECRET_NAME.pattern})[\w-]*|(?-i:[A-Z0-9_]*(?:{SECRET_NAME.pattern})[A-Z0-9_]*)", re.IGNORECASE
)
"""An argument that a secret follows: an option such as --api-key, or the name of a variable."""
_REDACTED = "[secret]"


@click.command(help=options.REPORT)
@CONFIG
@click.option("-o", "--output", type=click.Path(path_type=Path), help=options.REPORT_FILE)
@click.option("--no-agents", is_flag=True, help=options.NO_AGENTS)
def report(given: Path | None, output: Path | None, *, no_agents: bool) -> None:
    """Write the report, also where the configuration is missing or cannot be used."""
    logs.configure(level=logging.ERROR)
    text = "\n".join(_sections(given or find(os.environ), agents=not no_agents)) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(failures.unwritable(output, error.strerror), 2)
    click.echo(results.report_written(output))


def _sections(path: Path, *, agents: bool) -> Iterator[str]:
    yield from (results.REPORT_TITLE, "", results.VERSIONS, "", *_fenced(_versions()))
    secrets: set[str] = set()
    try:
        secrets.update(load_variables(path).values())
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ConfigError) as error:
        reason = results.cannot_be_read(getattr(error, "strerror", None) or error)
        yield from (results.REPORTED_CONFIGURATION, "", *_fenced([reason]))
        return
    secrets |= set(_secrets(raw))
    redact = Redactor(secrets)
    yield from (results.REPORTED_CONFIGURATION, "", *_fenced(map(redact, redacted_lines(raw))))
    try:
        config = load(path)
    except ConfigError as error:
        yield from (results.UNUSABLE, "", *_fenced(redact(str(error)).splitlines()))
        return
    redact = Redactor({*secrets, *secrets_of(config), *_values_of_agents(config)})
    if agents:
        found = [redact(line) for line in run_async(_probe_agents(config))]
        yield from (results.AGENTS, "", *_fenced(found))
    yield from (results.LOG_LINES, "", *_fenced(map(redact, _last_lines(config.log_file))))


def _fenced(lines: Iterable[str]) -> Iterator[str]:
    yield "````text"
    yield from lines
    yield "````"
    yield ""


def _versions() -> Iterator[str]:
    yield f"threadline {metadata.version('threadline')}"
    yield f"Python {platform.python_version()} ({sys.executable})"
    yield f"SQLite {sqlite3.sqlite_version}"
    yield f"{platform.system()} {platform.release()} {platform.machine()}"
    for library in LIBRARIES:
        yield f"{library} {metadata.version(library)}"


async def _probe_agents(config: Config) -> list[str]:
    """Start each agent and shake hands, as `check` does, without a prompt."""
    agents = config.agents.by_name.items()
    found = await asyncio.gather(*(probe_agent(name, agent, Depth.HANDSHAKE) for name, agent in agents))
    return [line for each in found for line in as_lines(each)]


def _last_lines(path: Path) -> list[str]:
    last: deque[str] = deque(maxlen=LINES)
    for file in (path.with_name(f"{path.name}.1"), path):
        try:
            with file.open(encoding="utf-8", errors="replace") as lines:
                last.extend(line.rstrip("\n") for line in lines)
        except OSError:
            continue
    return list(last) or [results.no_log(path)]


# ---- what is secret in a configuration


def redacted_lines(raw: dict[str, Any]) -> list[str]:
    """Return a parsed configuration as dotted keys, with secrets redacted and without comments.

    Secrets are the token, values of `env` and `headers`, and values of keys whose name says so. A reference to a
    variable, `${NAME}`, is shown.
    """
    return [
        f"{key} = {_shown(value, concealed=concealed)}" for key, value, concealed in _flat(raw, "", concealed=False)
    ]


def _flat(table: dict[str, Any], prefix: str, *, concealed: bool) -> Iterator[tuple[str, Any, bool]]:
    for key, value in table.items():
        hidden = concealed or key in {"env", "headers"} or bool(SECRET_NAME.search(key))
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.", concealed=hidden)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, each in enumerate(value):
                yield from _flat(each, f"{prefix}{key}[{number}].", concealed=hidden)
        else:
            yield f"{prefix}{key}", value, hidden


def _shown(value: Any, *, concealed: bool) -> str:
    match value:
        case str():
            return toml_string(_REDACTED if concealed and not _VARIABLE.fullmatch(value) else _argument(value))
        case list():
            return toml_array(_arguments([str(each) for each in value])) if not concealed else toml_string(_REDACTED)
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _arguments(values: list[str]) -> Iterator[str]:
    """Redact the value behind an argument such as --api-key, and secrets within an argument."""
    before = ""
    for value in values:
        yield _REDACTED if _ANNOUNCES_SECRET.fullmatch(before) and not _VARIABLE.fullmatch(value) else _argument(value)
        before = value


def _argument(value: str) -> str:
    return _INLINE_SECRET.sub(_redact_match, _ASSIGNED_SECRET.sub(_redact_match, value))


def _redact_match(found: re.Match[str]) -> str:
    secret = found[found.lastgroup or 0]
    return found[0] if _VARIABLE.fullmatch(secret) else found[0].replace(secret, _REDACTED)


def _repeated_forms(secret: str) -> Iterator[str]:
    """Return the forms in which a secret may be repeated: without quotes, and without its scheme (RFC 9110)."""
    bare = secret.strip("\"'")
    yield bare
    scheme, _, rest = bare.partition(" ")
    if rest and scheme.isalpha() and " " not in rest:
        yield rest


def _values_of_agents(config: Config) -> Iterator[str]:
    """Return the values that agents get beyond the base: their stderr, and so the log, may contain them."""
    for agent in config.agents.by_name.values():
        yield from agent.env.values()
        yield from (os.environ[name] for name in agent.inherit_env if name in os.environ)


def _secrets(raw: dict[str, Any]) -> Iterator[str]:
    """Return the values that must not appear anywhere: literal ones, and those of the named variables."""
    for key, value, hidden in _flat(raw, "", concealed=False):
        texts = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
        for text in texts:
            yield from (os.environ[name] for name in _VARIABLE.findall(text) if name in os.environ)
        if hidden:
            yield from (spoken for text in texts if not _VARIABLE.fullmatch(text) for spoken in _repeated_forms(text))
        concealed = [text for text, shown in zip(texts, _arguments(texts), strict=True) if shown == _REDACTED]
        patterns = (_ASSIGNED_SECRET, _INLINE_SECRET)
        matches = (match for text in texts for pattern in patterns for match in pattern.finditer(text))
        within = [match[match.lastgroup or 0] for match in matches]
        within += [caller.partition(":")[2] for text in texts for caller in _CREDENTIALS.findall(text)]
        for secret in (*concealed, *within):
            if not _VARIABLE.fullmatch(secret):
                yield from _repeated_forms(secret)
        if key.endswith("inherit_env"):
            yield from (os.environ[name] for name in texts if name in os.environ)
