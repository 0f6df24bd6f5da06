"""What a program must be able to read to run: the directory that it is installed in, and that of its interpreter."""

import os
import pwd
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .links import Link, follow

SYSTEM = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc")))
"""What everybody can read in a sandbox. On most systems the short names are links into /usr."""

_PROGRAM_DIRECTORIES = frozenset({"bin", "sbin", "libexec"})

_MOST = 16
"""Programs that are followed: the interpreter of one, the interpreter of that, the Python of an environment."""

_FIRST_LINE = 1024


@dataclass(slots=True)
class ProgramFiles:
    """What to make readable: `paths` without links, directories mostly, and the `links` that lead there."""

    paths: list[Path] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)


def locate(command: str, cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Return the absolute path by which `command` is started in `cwd`, links not followed; None without one."""
    where = str(cwd / command) if os.sep in command else command
    found = shutil.which(where, path=env.get("PATH", os.defpath))
    return None if found is None else cwd / found


def trusted_path(changeable: Sequence[Path]) -> str:
    """Return the parts of our own PATH that are not in the `changeable` directories (without links). Blocks.

    What an agent puts there must not run outside.
    """
    parts = map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep))
    kept = (each for each in parts if each.is_absolute() and not any(map(each.resolve().is_relative_to, changeable)))
    return os.pathsep.join(map(str, kept))


def program_files(
    programs: Sequence[Path], env: Mapping[str, str], changeable: Sequence[Path], hidden: Sequence[Path] = ()
) -> ProgramFiles:
    """Return what these programs (absolute) need. Blocks.

    That is the outermost `node_modules`, the virtual environment with its base Python, the versioned directory above
    `bin`, or else the program's own directory; and the same for the interpreter of a script. A home, ~/.local and the
    like are never taken whole. In the `changeable` directories the agent could plant a link to anything: nothing is
    derived from what is there. Nor is a directory taken that has, or may have, something `hidden` in it.
    """
    found, waiting, seen = ProgramFiles(), [*programs], set[Path]()
    while waiting and len(seen) < _MOST:
        program = waiting.pop()
        if program in seen:
            continue
        seen.add(program)
        with suppress(OSError):
            way = follow(program)
            if any(each.is_relative_to(root) for each in (way.real, *dict(way.links)) for root in changeable):
                continue
            found.links += way.links
            for environment in _environments(program):
                there = follow(environment)
                found.paths.append(there.real)
                found.links += there.links
                waiting.append(environment / "bin" / "python")
            if not any(way.real.is_relative_to(each) for each in (*SYSTEM, *found.paths)):
                directory = _installed_in(way.real)
                exposes = any(each.is_relative_to(directory) for each in hidden)
                found.paths.append(way.real if exposes else directory)
            waiting += _interpreter(way.real, env)
    return found


def _environments(program: Path) -> Iterator[Path]:
    """Yield the virtual environments in which the program, or a link on the way to it, is."""
    for _ in range(_MOST):
        if (program.parent.parent / "pyvenv.cfg").is_file():
            yield program.parent.parent
        if not program.is_symlink():
            return
        program = program.parent / program.readlink()


def _installed_in(program: Path) -> Path:
    """Return the directory in which a program (without links) is installed; the program itself where that is wide."""
    outermost = next((each for each in reversed(program.parents) if each.name == "node_modules"), None)
    if outermost is not None:
        return outermost
    directory, above = program.parent, program.parent.parent
    versioned = any(character.isdecimal() for character in above.name)
    if directory.name in _PROGRAM_DIRECTORIES and versioned and not _is_wide(above):
        return above
    return program if _is_wide(directory) else directory


def _is_wide(directory: Path) -> bool:
    """Whether a directory holds far more than one program."""
    homes = [Path(os.path.expanduser("~"))]  # noqa: PTH111 - Path.home raises without one
    with suppress(KeyError):  # An account without an entry, as in containers.
        homes.append(Path(pwd.getpwuid(os.getuid()).pw_dir))
    wide = [*homes, *(home / ".local" for home in homes), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - not used
    return any(each.resolve().is_relative_to(directory) for each in wide)


def _interpreter(program: Path, env: Mapping[str, str]) -> list[Path]:
    """Return the interpreter that the first line of a script names, as a list of at most one."""
    try:
        with os.fdopen(os.open(program, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            first = file.readline(_FIRST_LINE)
        words = shlex.split(os.fsdecode(first[2:])) if first.startswith(b"#!") else []
    except (OSError, ValueError):
        return []
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    located = locate(words[0], Path("/"), env) if words else None
    return [] if located is None else [located]
