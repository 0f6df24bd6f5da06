"""The image of the agents' containers, made without a container program: Debian's Python, and the scripted agent."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

import loopback
from tests.cluster.kubernetes.programs import cache

NAME: Final = "localhost/agent:1"
PAUSE: Final = "localhost/pause:1"
"""The container that holds a Pod's namespaces. It is the same image."""

SUITE: Final = "bookworm"
MODULES: Final = "usr/lib/python3/dist-packages"
LEFT_OUT: Final = ("dev/*", "proc/*", "sys/*", "var/cache/*", "var/lib/apt/*", "usr/share/*")
"""What no agent needs, a half of the files. (The patterns are those of `tar --exclude`.)"""

DEBOOTSTRAP_SECONDS: Final = 30 * 60


def write(archive: Path) -> None:
    """Write the image as an archive that `ctr images import` reads (the format of `docker save`)."""
    debian = base()
    layers = [(_digest(debian), debian.read_bytes()), _own_layer()]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["sleep", "infinity"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest, _ in layers]},
    }
    files = [(f"{digest}/layer.tar", data) for digest, data in layers]
    manifest = [{"Config": "config.json", "RepoTags": [NAME, PAUSE], "Layers": [name for name, _ in files]}]
    described = [("config.json", config), ("manifest.json", manifest)]
    with tarfile.open(archive, "w") as tar:
        for name, data in [*((name, json.dumps(value).encode()) for name, value in described), *files]:
            _add(tar, name, data)


def base() -> Path:
    """Return the layer with Debian's Python; make it if the cache has none."""
    layer = cache() / f"{SUITE}.tar"
    if layer.exists():
        return layer
    cache().mkdir(parents=True, exist_ok=True)
    root, draft = cache() / SUITE, layer.with_suffix(".draft")
    print(f"Installing Debian {SUITE} into {root} ...", flush=True)  # noqa: T201 - it takes a minute
    packages = "--include=python3-minimal,libpython3-stdlib"
    for argv in (
        ["debootstrap", "--variant=minbase", packages, SUITE, str(root)],
        ["tar", "-C", str(root), *(f"--exclude=./{each}" for each in LEFT_OUT), "-cf", str(draft), "."],
    ):
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=DEBOOTSTRAP_SECONDS)
    draft.rename(layer)
    shutil.rmtree(root)
    return layer


def _own_layer() -> tuple[str, bytes]:
    """Return the digest and the bytes of the layer with the scripted agent, whose modules need no other package."""
    package = Path(loopback.__file__).parent
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for path in [package / "__init__.py", *sorted((package / "agent").rglob("*.py"))]:
            _add(tar, f"{MODULES}/loopback/{path.relative_to(package)}", path.read_bytes())
    return hashlib.sha256(layer.getvalue()).hexdigest(), layer.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o644
    tar.addfile(entry, io.BytesIO(data))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
