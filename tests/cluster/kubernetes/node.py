"""The configuration of one node: its kubelet, its containerd, and the network of its Pods."""

import json
import resource
from pathlib import Path
from typing import Final

import psutil

from tests.cluster.kubernetes import network
from tests.cluster.kubernetes.image import PAUSE

GROUPS: Final = Path("/sys/fs/cgroup")
MIB: Final = 1 << 20

POD_MEBIBYTES: Final = 1000
"""What the Pods of one node can reserve together: less than the machine has, so that little fills it."""

EVICTION_MEBIBYTES: Final = 50

CONTAINERD: Final = """\
version = 2
root = "{node}/containerd"
state = "{node}/run/containerd"
oom_score = 0
[grpc]
  address = "{node}/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{node}/cni"
"""
"""Nothing lowers the score by which the kernel chooses what it kills: root needs CAP_SYS_RESOURCE for that."""


def configure(node: str, folder: Path) -> None:
    """Write the files of a node into its folder, and make its control groups."""
    for each in ("cni", "containerd", "run", "kubelet", "pods"):
        (folder / each).mkdir(parents=True)
    (folder / "containerd.toml").write_text(CONTAINERD.format(node=folder, pause=PAUSE))
    (folder / "kubelet.json").write_text(json.dumps(_kubelet(node, folder)))
    addresses = {
        "type": "host-local",
        "dataDir": f"{folder}/addresses",
        "subnet": f"10.77.1{network.number(node)}.0/24",
    }
    bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "ipam": addresses}
    network_of_pods = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
    (folder / "cni" / "pods.conflist").write_text(json.dumps(network_of_pods))
    for controller in (path for path in GROUPS.iterdir() if (path / "tasks").exists()):
        group = controller / network.space(node)
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # a new group has none, and takes no process then
            if (controller / name).exists():
                (group / name).write_text((controller / name).read_text())


def groups(node: str) -> list[Path]:
    """Return the control groups of a node and all below them, the deepest first."""
    tops = [path for path in GROUPS.glob(f"*/{network.space(node)}") if path.is_dir()]
    return [*(path for top in tops for path in sorted(top.rglob("*"), reverse=True) if path.is_dir()), *tops]


def members(group: Path) -> list[int]:
    """Return the ids of the processes of a control group; none where it is gone."""
    try:
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _kubelet(node: str, folder: Path) -> dict[str, object]:
    reserved = psutil.virtual_memory().total // MIB - POD_MEBIBYTES - EVICTION_MEBIBYTES
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.address(node),
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        # A kubelet removes the groups that it does not know, so each has a root of its own.
        "cgroupRoot": f"/{network.space(node)}",
        "containerRuntimeEndpoint": f"unix://{folder}/run/containerd.sock",
        "podLogsDir": f"{folder}/pods",
        "enforceNodeAllocatable": [],
        "systemReserved": {"memory": f"{reserved}Mi"},
        "evictionHard": {
            "memory.available": f"{EVICTION_MEBIBYTES}Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "failSwapOn": False,
        "failCgroupV1": False,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": False,
        "localStorageCapacityIsolation": False,
        "maxOpenFiles": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    }
