"""Machines as network namespaces: one for the control plane, with a bridge, and one for each node, with a cable.

No traffic leaves them. All that runs in them is found by them, so what a killed run left can be ended afterwards.
"""

import subprocess
from typing import Final

import psutil

from tests.cluster.daemon import BOUND, end, with_ids

CONTROL: Final = "threadline-k8s"
NODES: Final = ("node1", "node2")
SUBNET: Final = "10.77.0"
ADDRESS: Final = f"{SUBNET}.1"
"""The address of the control plane. A kubelet refuses one of loopback's as its own."""


def space(node: str) -> str:
    """Return the name of a node's namespace."""
    return f"{CONTROL}-{node}"


def number(node: str) -> int:
    """Return the number of a node, from 1."""
    return NODES.index(node) + 1


def address(node: str) -> str:
    """Return the address of a node."""
    return f"{SUBNET}.1{number(node)}"


def inside(name: str, *argv: str) -> tuple[str, ...]:
    """Return the command line that runs another in a namespace: `ip netns exec` would hide the control groups."""
    return ("nsenter", f"--net=/run/netns/{name}", *argv)


def lay() -> None:
    """Make the namespaces, the bridge and the cables."""
    _ip("netns", "add", CONTROL)
    for argv in (
        ("link", "set", "lo", "up"),
        ("link", "add", "switch", "type", "bridge"),
        ("addr", "add", f"{ADDRESS}/24", "dev", "switch"),
        ("link", "set", "switch", "up"),
        ("route", "add", "default", "via", ADDRESS),
    ):
        _ip("-n", CONTROL, *argv)
    for node in NODES:
        _ip("netns", "add", space(node))
        _ip("-n", CONTROL, "link", "add", node, "type", "veth", "peer", "name", "eth0", "netns", space(node))
        _ip("-n", CONTROL, "link", "set", node, "master", "switch", "up")
        for argv in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{address(node)}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", ADDRESS),
        ):
            _ip("-n", space(node), *argv)
        run(*inside(space(node), "sysctl", "-qw", "net.ipv4.ip_forward=1"))


def cable(node: str, *, plugged: bool) -> None:
    """Plug or pull the cable of a node."""
    _ip("-n", CONTROL, "link", "set", node, "up" if plugged else "down")


def remove() -> None:
    """Kill all that runs in the namespaces, and remove them."""
    end(processes())
    for name in (CONTROL, *map(space, NODES)):
        run("ip", "netns", "del", name, check=False)


def processes() -> list[psutil.Process]:
    """Return all processes that run in the namespaces."""
    listed = [run("ip", "netns", "pids", name, check=False) for name in (CONTROL, *map(space, NODES))]
    return with_ids(map(int, " ".join(listed).split()))


def run(*argv: str, check: bool = True) -> str:
    """Run a short command. Raises AssertionError with what it wrote to stderr if it fails and must not."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=BOUND, check=False)
    assert not check or done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout


def _ip(*arguments: str) -> None:
    run("ip", *arguments)
