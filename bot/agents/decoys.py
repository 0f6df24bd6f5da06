"""What the tries to break out of a sandbox are to reach: files, a process, and servers on this machine.

All of them are outside, new, and gone when the tries are over.
"""

import asyncio
import os
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir

from acp import Launch
from acp.process import autorun
from acp.process.sandbox import Sandbox
from acp.process.system_files import secrets
from bot.config.schema import Config

HOME_FILES = (
    *(".ssh/id_rsa", ".ssh/id_ed25519", ".ssh/authorized_keys", ".ssh/known_hosts", ".bashrc", ".profile", ".netrc"),
    *(".gitconfig", ".aws/credentials", ".config/gh/hosts.yml", ".docker/config.json", ".bash_history"),
)
"""Files of a person that are tried where they exist."""

SYSTEM = ("/usr", "/usr/bin", "/usr/local/bin", "/etc", "/etc/passwd")

SOCKETS = ("/run/docker.sock", "/run/podman/podman.sock", "/run/dbus/system_bus_socket", "/run/systemd/private")
"""Sockets that are tried where they exist. Who reaches the first two can do everything."""


@dataclass(frozen=True, slots=True)
class FileDecoys:
    """The decoys that are files. `sandbox` is the agent's, with what is the script's own."""

    targets: Mapping[str, object]
    sandbox: Sandbox
    outside: Path
    """A directory that is not visible inside."""
    planted: Callable[[], list[Path]]
    """Removes what was left in directories outside, and returns these directories."""


@asynccontextmanager
async def lay_decoys(config: Config, launch: Launch) -> AsyncIterator[tuple[FileDecoys, Mapping[str, object]]]:
    """Lay the decoys; yield those that are files, and the targets by the names that the script knows."""
    word, victim = (f"threadline-probe-{token_hex(8)}" for _ in range(2))  # Paths have one: they are arguments inside.
    async with AsyncExitStack() as stack:
        files = stack.enter_context(_files(config, launch, word))
        address = str(files.outside / "socket")
        port = await stack.enter_async_context(_servers(address, f"\0{word}"))
        targets = {
            **files.targets,
            "word": word,
            "victim": victim,
            "pid": await stack.enter_async_context(_victim(victim)),
            "sockets": [address, *_existing(map(Path, SOCKETS))],
            "abstract": [f"@{word}"],
            "ports": [port],
        }
        yield files, targets


@contextmanager
def _files(config: Config, launch: Launch, word: str) -> Iterator[FileDecoys]:
    sandbox, home = launch.sandbox or Sandbox(), Path(os.path.expanduser("~"))  # noqa: PTH111 - it may be missing
    own, other = (config.journal.attachments / f"{word}-{name}" for name in ("own", "other"))
    with (
        tempfile.TemporaryDirectory(prefix="threadline-probe-") as outside,
        _secret(home, word) as at_home,
        _directory(own),
        _directory(other),
        tempfile.NamedTemporaryFile(dir=other) as elsewhere,
    ):
        outer = [Path(outside), home, *{path.parent for path in config.own_files}]
        project = Path(outside) / "project"
        _lay_project(project)
        found = (path for root in (project, launch.cwd.resolve()) for path in autorun.search(root).protected)
        guarded = [str(path) for path in found if autorun.GIT in path.parts or sandbox.protects(path)]
        targets = {
            "home": [*at_home, *_existing(home / name for name in HOME_FILES)],
            "secrets": _existing(secrets()),
            "system": SYSTEM,
            "outside": [*map(str, outer)],
            "own_files": _existing(config.own_files),
            "other_threads": [str(other), elsewhere.name],
            "hooks": guarded,
            "fixed": [*guarded, *_existing(root / autorun.GIT for root in (project, launch.cwd))],
            "work": [*map(str, (project, own, launch.cwd, *sandbox.made)), gettempdir()],
        }
        yield FileDecoys(
            targets,
            replace(
                sandbox,
                readable=(*sandbox.readable, Path(sys.base_prefix)),
                writable=(*sandbox.writable, project),
                made=(*sandbox.made, own),
            ),
            Path(outside),
            lambda: [each for each in outer if _taken_away(each / word)],
        )


def _existing(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in paths if path.exists()]


def _taken_away(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _lay_project(project: Path) -> None:
    """Make a directory with everything that runs by itself, and a repository."""
    for name in ("objects", "refs", "hooks"):
        (project / autorun.GIT / name).mkdir(parents=True)
    (project / autorun.GIT / "HEAD").write_text("ref: refs/heads/main\n")
    (project / autorun.GIT / "config").touch()
    for name in autorun.NAMES:
        (project / name).mkdir() if not Path(name).suffix and name != ".envrc" else (project / name).touch()


@contextmanager
def _secret(home: Path, word: str) -> Iterator[list[str]]:
    """Lay a file in the home directory, if that can be written, as it cannot under some service managers."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.NamedTemporaryFile(prefix=f".{word}-", dir=home))
        except OSError:
            yield []
        else:
            yield [file.name]


@contextmanager
def _directory(path: Path) -> Iterator[None]:
    """Make a directory, and remove it in the end with its files, and those above it that were missing."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True)
    try:
        yield
    finally:
        for each in path.iterdir():
            with suppress(OSError):
                each.unlink()
        for each in missing:
            with suppress(OSError):  # Another one uses it by now.
                each.rmdir()


@asynccontextmanager
async def _victim(word: str) -> AsyncIterator[int]:
    """Run a process that waits, with the word among its arguments."""
    code = "import sys; sys.stdin.read()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", code, word, stdin=PIPE)
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def _servers(*paths: str) -> AsyncIterator[int]:
    """Listen on these Unix sockets and on a port of this machine; the port is returned. Connections are closed."""

    def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with AsyncExitStack() as stack:
        for path in paths:
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(path)
            await stack.enter_async_context(await asyncio.start_unix_server(close, sock=listening))
        server = await stack.enter_async_context(await asyncio.start_server(close, "127.0.0.1", 0))
        yield server.sockets[0].getsockname()[1]
