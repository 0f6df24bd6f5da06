"""The cluster: started, looked at, damaged and ended by tests."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from tests.cluster.daemon import BOUND, Daemon, end, with_ids
from tests.cluster.kubernetes import image, network, node, programs
from tests.cluster.kubernetes.network import ADDRESS, CONTROL, NODES, inside, space

NEEDED: Final = ("etcd", "containerd", "ctr", "runc", "debootstrap", "ip", "nsenter")
CNI: Final = Path("/usr/lib/cni/bridge")
PORT: Final = 6443
ETCD: Final = "http://127.0.0.1:2379"
IMPORT_SECONDS: Final = 300.0


def missing() -> str:
    """Return what this machine lacks for it, "" if nothing."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    absent = [program for program in NEEDED if shutil.which(program, path=path) is None]
    if absent or not CNI.exists():
        return (
            f"no {(absent or [str(CNI)])[0]} here: Kubernetes needs Debian's etcd-server, containerd, runc,"
            " containernetworking-plugins and debootstrap"
        )
    if os.geteuid() or not (node.GROUPS / "memory").is_dir():
        return "a Kubernetes on one machine needs root, and version 1 of control groups"
    if not programs.built() and shutil.which("go") is None:
        return "no Go here: Kubernetes is built from its source"
    return ""


class Cluster:
    """A control plane and two nodes. `bin` has a `kubectl` that reaches them, to be put on a PATH."""

    def __init__(self, folder: Path) -> None:
        """Write the configuration; `start` follows."""
        self.folder = folder
        self.bin = folder / "bin"
        self._keys = folder / "keys"
        self._access = folder / "access.json"
        self._programs = programs.programs()
        self._running: dict[str, Daemon] = {}
        self.bin.mkdir(parents=True)
        self._keys.mkdir()
        self._give_access()
        for each in NODES:
            node.configure(each, folder / each)

    def start(self) -> None:
        """Start all of it, and wait until both nodes take Pods."""
        network.lay()
        self._start_etcd()
        for each in NODES:
            self.start_containerd(each)
        self._import_image()
        self.start_api_server()
        common = (f"--kubeconfig={self._access}", "--leader-elect=false", "--bind-address=127.0.0.1")
        self._start("kube-scheduler", CONTROL, *common)
        controllers = self._start(
            "kube-controller-manager",
            CONTROL,
            *common,
            f"--service-account-private-key-file={self._keys}/accounts.key",
            f"--root-ca-file={self._keys}/apiserver.crt",
            "--use-service-account-credentials=false",
        )
        for each in NODES:
            self.start_kubelet(each)
        for each in NODES:
            self.daemon(f"kubelet-{each}").until(partial(self.ready, each))
        controllers.until(lambda: bool(self.ask("get", "serviceaccount", "default")))

    def start_api_server(self) -> None:
        """Start the API server, and wait until it answers."""
        server = self._start(
            "kube-apiserver",
            CONTROL,
            f"--etcd-servers={ETCD}",
            f"--cert-dir={self._keys}",
            f"--secure-port={PORT}",
            f"--bind-address={ADDRESS}",
            f"--advertise-address={ADDRESS}",
            "--service-cluster-ip-range=10.77.2.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._keys}/accounts.key",
            f"--service-account-signing-key-file={self._keys}/accounts.key",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self._keys}/tokens.csv",
            "--kubelet-preferred-address-types=InternalIP",
        )
        server.until(lambda: self.ask("get", "--raw", "/readyz") == "ok")

    def start_kubelet(self, each: str) -> None:
        """Start the kubelet of a node; `ready` says when it takes Pods."""
        folder = self.folder / each
        self._start(
            "kubelet",
            space(each),
            f"--config={folder}/kubelet.json",
            f"--kubeconfig={self._access}",
            f"--hostname-override={each}",
            f"--node-ip={network.address(each)}",
            f"--root-dir={folder}/kubelet",
            f"--cert-dir={folder}/kubelet",
            name=f"kubelet-{each}",
        )

    def start_containerd(self, each: str) -> None:
        """Start the container program of a node, and wait until it answers."""
        argv = inside(space(each), "containerd", "--config", f"{self.folder}/{each}/containerd.toml")
        daemon = self._running[f"containerd-{each}"] = Daemon(f"containerd-{each}", argv, self.folder)
        daemon.until(lambda: bool(network.run(*self._ctr(each, "version"), check=False)))

    def stop(self) -> None:
        """End all of it."""
        clean(self.folder)
        for daemon in self._running.values():
            daemon.kill()

    def daemon(self, name: str) -> Daemon:
        """Return a process: "kube-apiserver", "kubelet-node1", "containerd-node1" ..."""
        return self._running[name]

    def ask(self, *arguments: str) -> str:
        """Return what kubectl says; "" if it fails."""
        argv = (str(self.bin / "kubectl"), "--request-timeout=10s", *arguments)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=BOUND, check=False)
        return "" if done.returncode else done.stdout.strip()

    def ready(self, each: str) -> bool:
        """Whether the control plane counts a node as ready."""
        condition = '{.status.conditions[?(@.type=="Ready")].status}'
        return self.ask("get", "node", each, f"--output=jsonpath={condition}") == "True"

    def pods(self) -> dict[str, tuple[str, str]]:
        """Return the phase and the node of every Pod of the default namespace, by its name."""
        columns = "N:.metadata.name,P:.status.phase,W:.spec.nodeName"
        lines = self.ask("get", "pods", "--no-headers", f"--output=custom-columns={columns}").splitlines()
        return {name: (phase, where) for name, phase, where in map(str.split, lines)}

    def node_of_the_pod(self) -> str:
        """Return the node of the only Pod."""
        ((_, where),) = self.pods().values()
        return where

    def repair(self) -> None:
        """Start what is dead, and plug the cables in."""
        for each in NODES:
            network.cable(each, plugged=True)
            if not self.daemon(f"containerd-{each}").alive:
                self.start_containerd(each)
        if not self.daemon("kube-apiserver").alive:
            self.start_api_server()
        for each in NODES:
            kubelet = f"kubelet-{each}"
            if not self.daemon(kubelet).alive:
                self.start_kubelet(each)
            self.daemon(kubelet).until(partial(self.ready, each))

    def drain(self) -> None:
        """Wait until no Pod is left. Raises AssertionError when one stays."""
        self.daemon("kube-apiserver").until(lambda: not self.pods())

    def all_processes(self) -> list[psutil.Process]:
        """Return all processes of the cluster: those of its programs, and those of Pods."""
        return [*network.processes(), *self.in_pods()]

    def in_pods(self) -> list[psutil.Process]:
        """Return all processes of Pods, on both nodes."""
        return with_ids({pid for each in NODES for group in node.groups(each) for pid in node.members(group)})

    def _give_access(self) -> None:
        """Make the keys, and the `kubectl` that has them."""
        token = secrets.token_hex(16)
        (self._keys / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
        network.run("openssl", "genrsa", "-out", str(self._keys / "accounts.key"), "2048")
        server = {"server": f"https://{ADDRESS}:{PORT}", "insecure-skip-tls-verify": True}
        access = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": server}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
            "current-context": "here",
        }
        self._access.write_text(json.dumps(access))
        kubectl = " ".join(inside(CONTROL, f"{self._programs}/kubectl", f"--kubeconfig={self._access}"))
        (self.bin / "kubectl").write_text(f'#!/bin/sh\nexec {kubectl} "$@"\n')
        (self.bin / "kubectl").chmod(0o755)

    def _start_etcd(self) -> None:
        addresses = (f"--listen-client-urls={ETCD}", f"--advertise-client-urls={ETCD}")
        argv = ("etcd", f"--data-dir={self.folder}/etcd", *addresses, "--listen-peer-urls=http://127.0.0.1:2380")
        # The data need not survive the machine.
        self._running["etcd"] = Daemon("etcd", inside(CONTROL, *argv, "--unsafe-no-fsync"), self.folder)

    def _import_image(self) -> None:
        archive = self.folder / "image.tar"
        image.write(archive)
        imports = [
            subprocess.Popen(self._ctr(each, "images", "import", str(archive)), stdout=subprocess.DEVNULL)
            for each in NODES
        ]
        assert [each.wait(IMPORT_SECONDS) for each in imports] == [0] * len(NODES)
        archive.unlink()

    def _ctr(self, each: str, *arguments: str) -> tuple[str, ...]:
        return ("ctr", "--address", f"{self.folder}/{each}/run/containerd.sock", "-n", "k8s.io", *arguments)

    def _start(self, program: str, where: str, *arguments: str, name: str = "") -> Daemon:
        argv = inside(where, f"{self._programs}/{program}", *arguments)
        daemon = self._running[name or program] = Daemon(name or program, argv, self.folder)
        return daemon


def clean(folder: Path) -> None:
    """End everything in the namespaces and control groups of a cluster, and remove them, its mounts and its files."""
    network.remove()
    for group in (group for each in NODES for group in node.groups(each)):
        end(with_ids(node.members(group)))
        with suppress(OSError):
            group.rmdir()
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((each for each in mounts if each.startswith(f"{folder}/")), reverse=True):
        network.run("umount", "--lazy", mount, check=False)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def kubernetes() -> Iterator[Cluster]:
    """Run a cluster for the block. A machine has one at a time: what an earlier run left is ended first."""
    folder = programs.cache() / "cluster"
    clean(folder)
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
