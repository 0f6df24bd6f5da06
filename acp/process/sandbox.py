"""A sandbox around an agent, its terminals and logins: what it sees, and the line that starts a program inside.

The line is a prefix (`bwrap ARGS...`) before the program's own. Inside there is nothing but the system's programs, the
program itself, and what `Sandbox` names. What lies deeper takes precedence: a read-only directory in a writable one
stays read-only, and a thread's own files are visible in the hidden directory of all files. `look` looks at the disk, in
a thread; what `argv` makes of it is pure.

A mount that protects a name is lost when a directory above it is renamed. So each directory between a writable one and
a protected entry becomes a mount of its own, which cannot be renamed from inside.

Another agent in the same directory may put a link in the place of a protected entry after `look` and before the mount.
So what lies in writable directories is mounted in a second sandbox inside the first: the link leads to nothing there
that is not visible anyway.
"""

import os
import re
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final, Literal

from acp import paths
from acp.errors import SpawnFailed, StartProblem

from . import autorun, srt
from .environment import environment
from .keyring import join_new_session_keyring
from .links import Followed, Link, follow
from .program_files import locate, program_files, trusted_path
from .repository_watch import undo_redirections
from .system_files import can_forbid_namespaces, hiding_place, secrets, system_directories

ENGINE: Final = "bwrap"
"""The program that makes the sandbox (bubblewrap). It is looked for on the bot's own PATH, where no agent writes."""

TEMPORARY: Final = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - new ones in each sandbox
"""Directories that are empty at the start and are gone with the sandbox. They take memory: see `_temporary_bytes`."""

_NAMESPACES: Final = ("--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")

_FOR_ROOT: Final = (
    *("sysrq-trigger", "acpi", "bus", "driver", "fs", "irq", "scsi"),
    *(
        f"sys/{each}"
        for each in ("abi", "crypto", "debug", "dev", "fs", "fscache", "kernel", "net", "sunrpc", "vm", "xen")
    ),
)
"""What root may write in /proc without a capability. The engine needs `sys/user`."""

# The loader and the C library obey these in the engine too, which runs outside, and an agent names the variables of its
# terminals. They are set inside only.
_FOR_LOADER: Final = re.compile(r"LD_.*|MALLOC_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|NLSPATH")

_looks = paths.Lanes("sandboxes")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a sandboxed program may use. All paths are absolute; the working directory is always writable.

    `readable` and `writable` must exist, and what runs by itself (see `autorun`) is read-only in the writable ones.
    `made` are writable directories that are made where they are missing (mode 0700): the private home, and the files of
    a thread; nothing is protected there. `hidden` are files and directories that stay out of sight even inside what is
    visible. `shared` are directories of other agents too: in a writable one they can be changed, but not replaced by a
    link, which would show another agent something else. `programs` (names on PATH, or paths) are readable and can run,
    like the program that is started. `network`: `all` shares this machine's, its local ports too; with `none` there is
    nothing but a loopback of its own; `Hosts` are reached through the proxies of srt.
    """

    network: Literal["all", "none"] | srt.Hosts = "all"
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    made: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    shared: tuple[Path, ...] = ()
    programs: tuple[str, ...] = ()

    def protects(self, path: PurePath) -> bool:
        """Whether an absolute path cannot be written by a program inside, although it is in a writable directory.

        That is what is named in `readable`, or runs by itself. Blocks on the disk.
        """
        roots = {Path(name) for each in self.writable for name in (each, os.path.realpath(each))}
        roots = {each for each in roots if path.is_relative_to(each)}
        closest = max(roots, key=_depth, default=Path("/"))
        if closest.name == autorun.GIT or autorun.runs_by_itself(path.relative_to(closest)):
            return True
        fixed = (*self.readable, *(each for root in roots for each in autorun.search(root).protected))
        return any(path.is_relative_to(each) and closest in each.parents for each in fixed)


@dataclass(frozen=True, slots=True)
class Facts:
    """What `argv` must know of the disk. All paths exist, and have no links but those of `links`.

    `links` are outside of what is visible, and lead into it.
    """

    engine: str
    cwd: Path
    program: Path | None = None
    """The command that was looked for, if any."""
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()
    shared: tuple[Path, ...] = ()
    repositories: tuple[Path, ...] = ()
    """The git directories among what is writable; see `RepositoryWatch`."""
    hidden_files: tuple[Path, ...] = ()
    hidden_directories: tuple[Path, ...] = ()
    links: tuple[Link, ...] = ()
    around: tuple[str, ...] = ()
    """What starts the engine."""
    own_path: str = os.defpath
    """Where it looks for programs outside."""
    is_root: bool = False
    is_modern: bool = True
    """See `can_forbid_namespaces`."""


@dataclass(frozen=True, slots=True)
class Entered:
    """How to start a program inside: the whole line, the environment for it, and its directory."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: Path


async def look(sandbox: Sandbox, *, cwd: Path, env: Mapping[str, str], command: str = "") -> Facts:
    """Look at the disk for a program that starts in `cwd`, and make what is to be made.

    `command` is the program, if its own files are to be readable; never one that the agent has named. Nor is `env`,
    whose PATH is searched. The program gets a session keyring of its own if this thread starts it. Raises `SpawnFailed`
    for what is missing, for a link that the agent could have planted, and where the disk does not answer.
    """
    join_new_session_keyring()
    try:
        return await _looks.do(object(), lambda: look_now(sandbox, cwd, env, command), paths.ANSWER_SECONDS)
    except TimeoutError:
        raise SpawnFailed(StartProblem.DIRECTORY_SILENT, str(cwd)) from None


def enter(
    sandbox: Sandbox, facts: Facts, line: Sequence[str], env: Mapping[str, str], also: Sequence[str] = ()
) -> Entered:
    """Return how to start `line` inside, with the variables `env`; `also` are more arguments of the engine."""
    program = line[0] if facts.program is None else str(facts.program)
    if facts.around:
        whole = (*argv(sandbox, facts), *also, "--", *srt.UNPACKING, program, *line[1:])
        own = environment(os.environ, inherit=(), env={"PATH": facts.own_path})
        return Entered(whole, srt.packed(env, own), facts.cwd)
    inside = {name: value for name, value in env.items() if _FOR_LOADER.fullmatch(name)}
    variables = [word for name, value in inside.items() for word in ("--setenv", name, value)]
    whole = (*argv(sandbox, facts), *also, *variables, "--", program, *line[1:])
    return Entered(whole, {name: value for name, value in env.items() if name not in inside}, facts.cwd)


def exit_status(status: int) -> int:
    """Return the exit status of a program from that of its engine, which reports a signal as a shell does (128 + n)."""
    return 128 - status if 128 < status <= 128 + signal.SIGRTMAX else status


def argv(sandbox: Sandbox, facts: Facts) -> tuple[str, ...]:
    """Return the engine and its arguments, up to the program."""
    mounts, links = _mounts(facts), dict(facts.links)
    inner = {path: words for path, words in mounts.items() if any(root in path.parents for root in facts.writable)}
    outer = {path: words for path, words in mounts.items() if path not in inner}
    network = ("--unshare-net",) if sandbox.network == "none" else ()
    last = ("--unshare-user", "--disable-userns") if facts.is_modern and not facts.around else ()
    line = [*facts.around, facts.engine, "--die-with-parent", *_NAMESPACES, *network, "--cap-drop", "ALL"]
    line += last if not inner else ()
    for path in sorted({*outer, *links}, key=lambda each: each.parts):
        if path in outer:
            line += [*outer[path], str(path)]
        elif not _comes_with(path, mounts):
            line += ["--symlink", str(links[path]), str(path)]
    if inner:
        line += [*_read_only(outer, facts, ()), *_second(facts), *last, *_arguments(inner)]
    line += _read_only(inner or outer, facts, (Path("/proc"), Path("/dev")))
    corrected = srt.variables(sandbox.network.names) if isinstance(sandbox.network, srt.Hosts) else ()
    return (*line, *corrected, "--chdir", str(facts.cwd))


def _second(facts: Facts) -> Iterator[str]:
    """Yield what ends the arguments of a sandbox, and begins those of a second one inside it."""
    if facts.is_root:
        for name in _FOR_ROOT:
            yield from ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")
        if not facts.around:  # Root could not be root in the second one without it (Linux 5.12); srt has other ids.
            yield from ("--cap-add", "CAP_SETFCAP")
    yield from ("--chdir", "/", "--", facts.engine, "--unshare-user", "--cap-drop", "ALL")
    yield from ("--dev-bind", "/", "/")


def _arguments(mounts: Mapping[Path, tuple[str, ...]]) -> Iterator[str]:
    for path in sorted(mounts, key=lambda each: each.parts):
        yield from (*mounts[path], str(path))


def _read_only(mounts: Mapping[Path, tuple[str, ...]], facts: Facts, also: Iterable[Path]) -> Iterator[str]:
    """Yield what makes read-only the hidden directories among these mounts, what else is named, and the root."""
    emptied = (path for path in facts.hidden_directories if mounts.get(path) == _EMPTY and path not in TEMPORARY)
    # For root the kernel checks only the owner of what is in /proc/sys, no capability: the bot may be root.
    for path in (*also, *emptied, Path("/")):
        yield from ("--remount-ro", str(path))


_EMPTY: Final = ("--tmpfs",)


def _mounts(facts: Facts) -> dict[Path, tuple[str, ...]]:
    """Return the arguments before each path. Of two for the same path, the later one counts."""
    bounded = ("--size", str(_temporary_bytes()), *_EMPTY) if facts.is_modern else _EMPTY
    mounts: dict[Path, tuple[str, ...]] = dict.fromkeys(TEMPORARY, bounded)
    mounts |= {Path("/proc"): ("--proc",), Path("/dev"): ("--dev",)}
    mounts |= {path: ("--ro-bind", str(path)) for path in (*facts.readable, *facts.protected)}
    mounts |= {path: ("--bind", str(path)) for path in facts.writable}
    mounts |= {path: ("--ro-bind", "/dev/null") for path in facts.hidden_files if _comes_with(path, mounts)}
    mounts |= {path: _EMPTY for path in facts.hidden_directories if _comes_with(path, mounts)}
    kept = [path for path in facts.shared if _closest(path, mounts) == "--bind"]
    for path in [*kept, *(path for path, words in mounts.items() if words[0] != "--bind")]:
        for each in (*_between(path, facts.writable), *((path,) if path in kept else ())):
            mounts.setdefault(each, ("--bind", str(each)))
    return mounts


def _temporary_bytes() -> int:
    """Return the bound of a directory in memory: an eighth of what the machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8


def _comes_with(path: Path, mounts: Mapping[Path, tuple[str, ...]]) -> bool:
    """Whether a path shows a part of the disk already, because the closest mount at or above it does."""
    return _closest(path, mounts) in {"--bind", "--ro-bind"}


def _closest(path: Path, mounts: Mapping[Path, tuple[str, ...]]) -> str:
    """Return how the closest mount at or above a path is made; empty without one."""
    return next((mounts[each][0] for each in (path, *path.parents) if each in mounts), "")


def _between(path: Path, writable: Iterable[Path]) -> Iterator[Path]:
    """Yield the directories between a path and the outermost writable directory above it."""
    outermost = min((each for each in writable if path.is_relative_to(each)), key=_depth, default=path)
    return (each for each in path.parents if each.is_relative_to(outermost) and each != outermost)


def _depth(path: PurePath) -> int:
    return len(path.parts)


def look_now(sandbox: Sandbox, cwd: Path, env: Mapping[str, str], command: str = "") -> Facts:
    """See `look`. Blocks."""
    for directory in sandbox.made:
        _make(directory)
    ways = {path: _existing(path) for path in (*sandbox.writable, *sandbox.made, *sandbox.readable, cwd)}
    changeable = tuple(dict.fromkeys(ways[path].real for path in (*sandbox.writable, *sandbox.made)))
    here = ways[cwd].real
    if not any(here.is_relative_to(each) for each in changeable):
        changeable = (here, *changeable)
    shared = tuple(dict.fromkeys(Path(os.path.realpath(each)) for each in sandbox.shared))
    for path, way in ways.items():
        if any(root in link.parents for link, _ in way.links for root in (*changeable, *shared)):
            raise SpawnFailed(StartProblem.SANDBOX_LINK, str(path))
    own_path = trusted_path((*changeable, *shared))
    engine = shutil.which(ENGINE, path=own_path)
    if engine is None:
        raise SpawnFailed(StartProblem.SANDBOX_MISSING, ENGINE)
    program = locate(command, cwd, env) if command else None
    if command and program is None:
        raise SpawnFailed(StartProblem.COMMAND_MISSING, command)
    programs = (program, *(locate(each, cwd, env) for each in sandbox.programs))
    wanted = [Path(engine), *(each for each in programs if each is not None)]
    needed = program_files(wanted, env, changeable, [Path(os.path.realpath(each)) for each in sandbox.hidden])
    system, links = system_directories()
    hidden = dict.fromkeys(each.resolve() for each in secrets())
    hidden |= dict.fromkeys(hiding_place(each.resolve()) for each in sandbox.hidden)
    found = [autorun.search(root) for root in dict.fromkeys((here, *(ways[path].real for path in sandbox.writable)))]
    repositories = tuple(dict.fromkeys(git for each in found for git in each.repositories))
    undo_redirections(repositories)  # What an earlier agent has left, if the bot was killed.
    return Facts(
        engine,
        here,
        program,
        readable=(*system, *needed.paths, *(ways[path].real for path in sandbox.readable)),
        writable=changeable,
        protected=tuple(path for each in found for path in each.protected),
        shared=tuple(each for each in shared if each.is_dir()),
        repositories=repositories,
        hidden_files=tuple(path for path in hidden if path.exists() and not path.is_dir()),
        hidden_directories=tuple(path for path in hidden if path.is_dir()),
        links=(*links, *needed.links, *(link for way in ways.values() for link in way.links)),
        around=_around(sandbox.network, own_path) if isinstance(sandbox.network, srt.Hosts) else (),
        own_path=own_path,
        is_root=os.geteuid() == 0,
        is_modern=can_forbid_namespaces(engine),
    )


def _around(hosts: srt.Hosts, own_path: str) -> tuple[str, ...]:
    """Write the settings of srt, and return how it is started."""
    found = {name: shutil.which(name, path=own_path) for name in (srt.PROGRAM, *srt.NEEDED)}
    programs = {name: path for name, path in found.items() if path is not None}
    for name in found:
        if name not in programs:
            raise SpawnFailed(StartProblem.SANDBOX_MISSING, name)
    _write(hosts.settings, srt.settings(hosts.names, programs))
    return srt.around(programs[srt.PROGRAM], hosts.settings, programs[ENGINE], is_root=os.geteuid() == 0)


def _write(path: Path, text: str) -> None:
    """Write a file as a whole: another start may read it at the same time."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_text(text, "utf-8")
        draft.replace(path)
    except OSError as error:
        raise SpawnFailed(StartProblem.SANDBOX_PATH, str(path), error.strerror or "") from None


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SpawnFailed(StartProblem.DIRECTORY_NOT_MADE, str(directory), error.strerror or "") from None
    if directory.is_symlink():  # It would widen what is visible.
        raise SpawnFailed(StartProblem.SANDBOX_LINK, str(directory))


def _existing(path: Path) -> Followed:
    try:
        way = follow(path)
        way.real.lstat()
    except OSError as error:
        raise SpawnFailed(StartProblem.SANDBOX_PATH, str(path), error.strerror or "") from None
    return way
