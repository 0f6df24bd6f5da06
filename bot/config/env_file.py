"""The file of variables next to a configuration: `threadline.env` for `threadline.toml`.

It holds the secrets, so that the configuration need not: a line `NAME=VALUE` for each variable, in the format of
systemd and Docker. Variables of the environment take precedence.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from . import error_texts as texts
from .document import ConfigError, reason_of

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def variables_path(configuration: Path) -> Path:
    """Return the path of a configuration's file of variables."""
    return configuration.parent / f"{configuration.stem}.env"


def load_variables(configuration: Path) -> dict[str, str]:
    """Read the variables of a configuration, and set those that the environment lacks. Raises `ConfigError`."""
    found = read_variables(variables_path(configuration))
    for name, value in found.items():
        os.environ.setdefault(name, value)
    return found


def read_variables(path: Path) -> dict[str, str]:
    """Read the file; a missing file has no variables. Raises `ConfigError`, also where other accounts may read it."""
    try:
        with path.open(encoding="utf-8") as file:
            others = os.fstat(file.fileno()).st_mode & 0o077
            lines = file.read().splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(texts.line(path, None, "", texts.unreadable(reason_of(error)))) from None
    if others:
        raise ConfigError(texts.line(path, None, "", texts.variables_exposed(path)))
    found, mistakes = {}, []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            mistakes.append(texts.line(path, number, "", texts.NOT_A_VARIABLE))
        else:
            found[match[1]] = _unquoted(match[2])
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return found


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def write_variables(path: Path, lines: Iterable[str]) -> None:
    """Write a file that only its owner can read, atomically. Raises OSError."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    draft.replace(path)
