"""What an agent in a sandbox could try in order to break out. Runs inside it, as `python -I -S -c SOURCE`.

In Python, because a shell opens no abstract sockets; with the standard library only, because nothing else of ours is
there. Standard input has the targets, a JSON object (see `breakout`): an argument would be in the process table, where
the tries look for others. Each try prints a line, a JSON object with its name and what it has reached, in words: no
thing is a pass. Only `plant` leaves something behind.
"""

import base64
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SECONDS = 3.0
"""How long a connection may take. On this machine it takes no time, or is refused."""

MARK = f"threadline-probe-{os.getpid()}"
"""In the names of files that are there for a moment."""


def readable(paths: Iterable[str]) -> Iterator[str]:
    """Try to read the files, and to find something in the directories; an empty one may stand for what is hidden."""
    for path in map(Path, paths):
        try:
            if path.is_dir():
                next(path.iterdir())
            else:
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except (OSError, StopIteration):
            continue
        yield f"read {path}"


def writable(paths: Iterable[str]) -> Iterator[str]:
    """Try to write the files, and to make a file in the directories."""
    for path in map(Path, paths):
        try:
            if path.is_dir():
                (path / MARK).touch(exist_ok=False)
                (path / MARK).unlink()
            else:
                os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK))
        except OSError:
            continue
        yield f"write {path}"


def plant(directories: Iterable[str], name: str) -> Iterator[str]:
    """Try to leave a file in the directories. Whether it is there is seen outside: inside they may be others."""
    for each in directories:
        with suppress(OSError):
            (Path(each) / name).touch()
    return iter(())


def movable(paths: Iterable[str]) -> Iterator[str]:
    """Try to rename what others would then stand in for."""
    for path in map(Path, paths):
        try:
            moved = path.rename(f"{path}-{MARK}")
        except OSError:
            continue
        moved.rename(path)
        yield f"replace {path}"


def processes(word: str, pid: int) -> Iterator[str]:
    """Try to see the process outside that has the word among its arguments, and to end it."""
    found = {pid} - {1, os.getpid(), os.getppid()}
    for each in Path("/proc").iterdir():
        try:
            said = (each / "cmdline").read_text("utf-8", "replace")
        except OSError:
            continue
        if word in said:
            yield f"see process {each.name}"
            found.add(int(each.name))
    for number in found:
        try:
            os.kill(number, signal.SIGTERM)
        except OSError:
            continue
        yield f"end process {number}"


def sockets(paths: Iterable[str]) -> Iterator[str]:
    """Try to connect to Unix sockets; a name that begins with @ is an abstract one."""
    for path in paths:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(SECONDS)
            try:
                wire.connect("\0" + path[1:] if path.startswith("@") else path)
            except OSError:
                continue
        yield f"connect to the socket {path}"


def ports(numbers: Iterable[int]) -> Iterator[str]:
    """Try to connect to ports of this machine, also through the proxy that the environment names, if any."""
    for number in numbers:
        try:
            socket.create_connection(("127.0.0.1", number), SECONDS).close()
        except OSError:
            pass
        else:
            yield f"connect to port {number} of this machine"
        if proxied(f"127.0.0.1:{number}"):
            yield f"connect to port {number} of this machine through the proxy"


def proxied(address: str) -> bool:
    """Return whether the environment's proxy connects us to the address (RFC 9110, CONNECT)."""
    proxy = urlsplit(os.environ.get("HTTPS_PROXY", ""))
    if not proxy.hostname or not proxy.port:
        return False
    login = base64.b64encode(f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}".encode()).decode()
    request = f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\nProxy-Authorization: Basic {login}\r\n\r\n"
    try:
        with socket.create_connection((proxy.hostname, proxy.port), SECONDS) as wire:
            wire.settimeout(SECONDS)
            wire.sendall(request.encode())
            return wire.recv(100).split()[1:2] == [b"200"]
    except OSError:
        return False


def routes() -> Iterator[str]:
    """Look for a way to other machines; nothing is sent. No machine has these addresses (RFC 5737, 3849)."""
    for family, name, address in ((socket.AF_INET, "IPv4", "192.0.2.1"), (socket.AF_INET6, "IPv6", "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as wire:
            wire.connect((address, 9))
            yield f"send to other machines by {name}"


def privileges() -> Iterator[str]:
    """Find the capabilities of this process (proc(5))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("CapPrm", "CapEff", "CapAmb") and int(value, 16):
            yield f"use capabilities: {name} {value.strip()}"


def closed(directories: Iterable[str]) -> Iterator[str]:
    """Find the directories in which an agent must be able to work, and cannot."""
    return (f"not write {each}" for each in directories if not [*writable([each])])


def main(wanted: dict[str, Any]) -> None:
    """Make the tries, one line for each."""
    tries: dict[str, Callable[[], Iterable[str]]] = {
        "home": lambda: readable(wanted["home"]),
        "secrets": lambda: readable(wanted["secrets"]),
        "system": lambda: chain(writable(wanted["system"]), plant(wanted["outside"], wanted["word"])),
        "own_files": lambda: chain(readable(wanted["own_files"]), writable(wanted["own_files"])),
        "other_threads": lambda: chain(readable(wanted["other_threads"]), writable(wanted["other_threads"])),
        "hooks": lambda: chain(writable(wanted["hooks"]), movable(wanted["fixed"])),
        "processes": lambda: processes(wanted["victim"], wanted["pid"]),
        "privileges": privileges,
        "sockets": lambda: sockets(wanted["sockets"]),
        "ports": lambda: chain(ports(wanted["ports"]), sockets(wanted["abstract"])),
        "network": routes,
        "work": lambda: closed(wanted["work"]),
    }
    for name, attempt in tries.items():
        sys.stdout.write(json.dumps({"try": name, "reached": [*attempt()]}) + "\n")


if __name__ == "__main__":
    main(json.load(sys.stdin))
