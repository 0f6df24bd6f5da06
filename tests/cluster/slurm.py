"""A Slurm of two nodes on this machine, which stands for a cluster with a queue: Debian's slurmctld, slurmd and munge.

Its files lie in a folder of its own, its ports are chosen, and its nodes and jobs have numbers that no other one has.
It limits memory by control groups (version 1), which only root can make: `missing` says what this machine lacks.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from tests.cluster.daemon import BOUND, Daemon, end, free_port, with_ids

PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin"
PROGRAMS: Final = ("munged", "slurmctld", "slurmd", "srun", "squeue", "sinfo", "scancel", "scontrol")
GROUPS: Final = Path("/sys/fs/cgroup")
LIMITED: Final = GROUPS / "memory"

STARTS: Final = 3
"""How often a start is tried: another process can get one of the ports that were free."""

NODES: Final = 2
NODE_MEGABYTES: Final = 1000
"""What one node has to give: less than the machine, so that little fills it."""

CONFIGURATION: Final = """\
ClusterName=threadline
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerNode=100
FirstJobId={first_job}
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
InactiveLimit=30
KillWait=3
MailProg=/bin/true
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
"""

NODE: Final = "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory={megabytes}\n"

CONTROL_GROUPS: Final = """\
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
CgroupAutomount=no
ConstrainRAMSpace=yes
ConstrainCores=no
ConstrainDevices=no
"""


def missing() -> str:
    """Return what this machine lacks for it, "" if nothing."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]
    if absent:
        return (
            f"no {absent[0]} here: install Debian's slurmctld, slurmd, slurm-client and munge to run the tests on Slurm"
        )
    if os.geteuid() or not LIMITED.is_dir():
        return "Slurm's limits need root here, and version 1 of control groups"
    return ""


class Slurm:
    """The cluster. Its clients need the variables `environ`."""

    def __init__(self, folder: Path) -> None:
        """Write the configuration; `start` follows."""
        self.folder = folder
        self.environ = {"SLURM_CONF": str(folder / "slurm.conf")}
        token = secrets.token_hex(3)
        self.nodes = tuple(f"node-{token}-{number}" for number in range(1, NODES + 1))
        for each in ("state", *(f"spool/{node}" for node in self.nodes)):
            (folder / each).mkdir(parents=True)
        # Other clusters on this machine make their jobs' control groups below the same directories.
        first_job = 1 + secrets.randbelow(60_000) * 1000
        settings = CONFIGURATION.format(folder=folder, port=free_port(), first_job=first_job)
        nodes = [NODE.format(name=node, port=free_port(), megabytes=NODE_MEGABYTES) for node in self.nodes]
        (folder / "slurm.conf").write_text("".join([settings, *nodes]))
        (folder / "cgroup.conf").write_text(CONTROL_GROUPS)
        (folder / "munge.key").write_bytes(secrets.token_bytes(1024))
        (folder / "munge.key").chmod(0o600)
        self._running: dict[str, Daemon] = {}

    def start(self) -> None:
        """Start all of it."""
        self._start_munge()
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)

    def start_controller(self) -> None:
        """Start the controller, which keeps the queue."""
        controller = self._start("slurmctld", "slurmctld", "-D", "-f", self.environ["SLURM_CONF"])
        controller.until(lambda: self.ask("scontrol", "ping").endswith(" is UP"))

    def start_node(self, node: str) -> None:
        """Start a node, and wait until the controller gives it jobs."""
        daemon = self._start(node, "slurmd", "-D", "-N", node, "-f", self.environ["SLURM_CONF"])
        daemon.until(lambda: self.state(node) in {"idle", "mixed", "allocated"})

    def daemon(self, name: str) -> Daemon:
        """Return the process of a node, or that of "slurmctld" or "munged"."""
        return self._running[name]

    def state(self, node: str) -> str:
        """Return the state of a node: "idle", "mixed", "allocated", "down" ...; with a star when it does not answer."""
        return self.ask("sinfo", "-h", "-N", "-n", node, "-o", "%T")

    def jobs(self) -> dict[str, str]:
        """Return the state of every job that has not ended, by its name."""
        return dict(line.split(maxsplit=1) for line in self.ask("squeue", "-h", "-o", "%j %T").splitlines())

    def drain(self) -> None:
        """Wait until no job is left. Raises AssertionError when one stays."""
        self.daemon("slurmctld").until(lambda: not self.jobs())

    def job_ids(self) -> list[str]:
        """Return the numbers of these jobs."""
        return self.ask("squeue", "-h", "-o", "%i").split()

    def ask(self, *argv: str) -> str:
        """Return what a command of Slurm's says; "" if it fails."""
        env = {**os.environ, **self.environ}
        done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=BOUND, check=False)
        return "" if done.returncode else done.stdout.strip()

    def on_node(self, node: str) -> list[psutil.Process]:
        """Return all processes of jobs on a node, Slurm's own helpers (slurmstepd) among them."""
        files = [path for top in GROUPS.glob(f"*/slurm_{node}") for path in top.rglob("cgroup.procs")]
        found: set[int] = set()
        for path in files:
            with suppress(OSError):
                found.update(int(line) for line in path.read_text().split())
        found.discard(self._running[node].pid)
        return with_ids(found)

    def processes(self) -> list[psutil.Process]:
        """Return all processes of Slurm and of its jobs."""
        daemons = with_ids(daemon.pid for daemon in self._running.values())
        return [*daemons, *(process for node in self.nodes for process in self.on_node(node))]

    def helpers(self, node: str) -> list[psutil.Process]:
        """Return the processes through which the streams of a node's jobs go."""
        return [process for process in self.on_node(node) if process.name() == "slurmstepd"]

    def die(self, node: str) -> None:
        """End a node as a machine does that loses its power: its daemon, and all processes of jobs."""
        processes = self.on_node(node)
        self.daemon(node).kill()
        end(processes)

    def stop(self) -> None:
        """End all jobs, and all of Slurm."""
        for node in self._running.keys() & set(self.nodes):
            self.die(node)
        for daemon in reversed(self._running.values()):
            daemon.stop()
        for node in self.nodes:
            for top in GROUPS.glob(f"*/slurm_{node}"):
                _remove(top)

    def _start_munge(self) -> None:
        folder, socket = self.folder, self.folder / "munge.socket"
        files = {"key-file": "munge.key", "pid-file": "munged.pid", "log-file": "munge.log", "seed-file": "munge.seed"}
        options = [f"--{option}={folder / name}" for option, name in files.items()]
        # Forced, since a folder below /tmp may be open to others.
        daemon = self._start("munged", "munged", "--foreground", "--force", f"--socket={socket}", *options)
        daemon.until(lambda: bool(self.ask("munge", "-S", str(socket), "-s", "")))

    def _start(self, name: str, program: str, *arguments: str) -> Daemon:
        path = shutil.which(program, path=PATH)
        assert path is not None
        daemon = self._running[name] = Daemon(name, [path, *arguments], self.folder, self.environ)
        return daemon


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """Run a cluster in a new folder for the block."""
    for number in range(STARTS):
        cluster = Slurm(folder / str(number))
        try:
            cluster.start()
        except BaseException as error:
            cluster.stop()
            if number == STARTS - 1 or not isinstance(error, AssertionError):
                raise
        else:
            break
    try:
        yield cluster
    finally:
        cluster.stop()


def _remove(group: Path) -> None:
    """Remove a control group and those below it; the kernel keeps those that still have a process."""
    for each in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            each.rmdir()
    with suppress(OSError):
        group.rmdir()
