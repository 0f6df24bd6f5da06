"""The Kubernetes of the tests as a place of agents."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.far_lab import Site
from tests.cluster.kubernetes import image
from tests.cluster.kubernetes.cluster import Cluster


def environ(cluster: Cluster) -> dict[str, str]:
    """Return the variables with which kubectl reaches it."""
    return {"PATH": f"{cluster.bin}:{os.environ['PATH']}"}


def pod(folder: Path) -> Mapping[str, Any]:
    """Return a Pod's specification with a folder of this machine, at the same path: it stands for a shared volume."""
    return {
        "volumes": [{"name": "project", "hostPath": {"path": str(folder)}}],
        "containers": [{"volumeMounts": [{"name": "project", "mountPath": str(folder)}]}],
    }


def site(cluster: Cluster, folder: Path) -> Site:
    """Return the cluster as the only place, whose agents work below `folder`."""
    table = {"engine": "kubernetes", "image": image.NAME, "pod": pod(folder)}
    return Site({"cluster": table}, ("python3", "-m", "loopback.agent"), environ(cluster))
