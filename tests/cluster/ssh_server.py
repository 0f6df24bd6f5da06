"""An SSH server of the tests' own: OpenSSH's sshd on a port of 127.0.0.1, which stands for another machine.

Nothing of the person's is read or written: host key, key, known hosts and the client's configuration lie in the
server's folder. Root's sshd needs the directory /run/sshd, which is made where it is missing.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from tests.cluster.daemon import BOUND, Daemon, end, free_port

SSHD: Final = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
"""The server's program: it must be called by its whole path, since it starts itself again for each connection."""

STARTS: Final = 5
"""How many ports are tried: another process can get the one that was free."""

PRIVILEGE_SEPARATION: Final = Path("/run/sshd")


class SshServer:
    """One machine: `ssh *options name COMMAND` reaches it. Its key opens it alone, and it shows the pinned host key."""

    def __init__(self, name: str, folder: Path, *, forced: str = "", home: Path | None = None) -> None:
        """Make the keys and the files, and start. `forced` is the only command then, whatever a client asks for.

        `home` is the home directory of commands, instead of this account's.
        """
        self.name = name
        self.port = 0
        self._folder = folder
        self._home = home
        self._daemon: Daemon | None = None
        folder.mkdir(mode=0o700, parents=True)
        for key in ("host_key", "key"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / key))
        quoted = forced.replace('"', '\\"')
        allowed = ["restrict", *([f'command="{quoted}"'] if forced else [])]
        (folder / "authorized_keys").write_text(f"{','.join(allowed)} {(folder / 'key.pub').read_text()}")
        self.start()

    @property
    def options(self) -> tuple[str, ...]:
        """The client's arguments before the host's name."""
        return ("-F", str(self._folder / "ssh_config"))

    @property
    def daemon(self) -> Daemon:
        """The listening process, the last one where it was killed."""
        assert self._daemon is not None
        return self._daemon

    def start(self) -> None:
        """Listen, on the port of before after a `die`."""
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        for _ in range(STARTS):
            with suppress(AssertionError):
                self._daemon = self._listening(self.port or free_port())
                return
        raise AssertionError(f"sshd could not listen:\n{(self._folder / 'sshd.log').read_text()}")

    def _listening(self, port: int) -> Daemon:
        self._configure(port)
        daemon = Daemon("sshd", [str(SSHD), "-D", "-e", "-f", str(self._folder / "sshd_config")], self._folder)
        daemon.until(lambda: daemon.says(f"Server listening on 127.0.0.1 port {port}."))
        self.port = port
        return daemon

    def connections(self) -> list[psutil.Process]:
        """Return the server's processes, one or two for each connection."""
        return [process for process in self.daemon.below() if _name(process) in {"sshd", "sshd-session", "sshd-auth"}]

    def commands(self) -> list[psutil.Process]:
        """Return the processes that the connections have started, without what these started."""
        connections = self.connections()
        return [each for process in connections for each in _children(process) if each not in connections]

    def cut(self) -> None:
        """Kill the server's end of every connection: clients notice immediately, commands lose their streams."""
        self._send(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the server's end of every connection: it stays open and silent, as behind a cable that was pulled."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the connections that `freeze` stopped work again."""
        self._send(signal.SIGCONT)

    def cut_off(self) -> None:
        """Kill the server with its end of every connection; what they started stays. `start` ends this."""
        connections = self.connections()
        self.daemon.kill()
        end(connections)

    def die(self) -> None:
        """End as a machine does that loses its power: the server, its connections, and all that they started."""
        all_of_it = self.daemon.below()
        self.daemon.kill()
        end(all_of_it)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Be dead for the block."""
        self.die()
        try:
            yield
        finally:
            self.start()

    def _send(self, number: signal.Signals) -> None:
        for process in self.connections():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _configure(self, port: int) -> None:
        folder = self._folder
        address = f"[127.0.0.1]:{port}"
        key_type, key = (folder / "host_key.pub").read_text().split()[:2]
        (folder / "known_hosts").write_text(f"{address} {key_type} {key}\n")
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host_key\nPidFile none\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nAuthenticationMethods publickey\n"
            "PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n"
            # The keys may lie below /tmp, in which everybody may write.
            "StrictModes no\n" + (f"SetEnv HOME={self._home}\n" if self._home else "")
        )
        (folder / "ssh_config").write_text(
            f"Host {self.name}\n  HostName 127.0.0.1\n  Port {port}\n  User {pwd.getpwuid(os.geteuid()).pw_name}\n"
            f"  IdentityFile {folder}/key\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known_hosts\n"
            "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n"
        )


@contextmanager
def ssh_server(name: str, folder: Path, *, forced: str = "", home: Path | None = None) -> Iterator[SshServer]:
    """Run a server in a new folder for the block; at the end, end it with all that was started through it."""
    server = SshServer(name, folder, forced=forced, home=home)
    try:
        yield server
    finally:
        server.thaw()
        server.die()


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=BOUND)
