"""Kubernetes' own programs, built from their source as the Go module proxy serves it, once for each version."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

VERSION: Final = os.environ.get("KUBERNETES_VERSION", "v1.34.4")
"""The newest minor version whose kubelet still takes version 1 of cgroups without being told to."""

NAMES: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")

BUILD_SECONDS: Final = 90 * 60
"""Bound of one step of the build. All of it needs 15 minutes of one processor."""


def cache() -> Path:
    """Return the folder that keeps what takes long to make: programs, and the image's file system."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CLUSTER_CACHE") or home / "threadline-cluster")


def built() -> bool:
    """Whether the cache has the programs of `VERSION`."""
    return all((cache() / VERSION / name).exists() for name in NAMES)


def programs() -> Path:
    """Return the folder with the five programs of `VERSION`; build those that are missing."""
    folder = cache() / VERSION
    missing = [name for name in NAMES if not (folder / name).exists()]
    if missing:
        module = folder / "module"
        _write_module(module)
        for name in missing:
            print(f"Building {name} {VERSION} ...", flush=True)  # noqa: T201 - it takes minutes
            draft = module / name
            _go(module, "build", "-trimpath", "-ldflags", _linked(), "-o", name, f"k8s.io/kubernetes/cmd/{name}")
            draft.rename(folder / name)
        shutil.rmtree(module)
    return folder


def _write_module(folder: Path) -> None:
    """Write a module that requires Kubernetes, with its libraries where that looks for them in its own repository."""
    folder.mkdir(parents=True, exist_ok=True)
    downloaded = json.loads(_go(folder, "mod", "download", "-json", f"k8s.io/kubernetes@{VERSION}"))
    theirs = Path(downloaded["GoMod"]).read_text()
    libraries = re.findall(r"^\s*(k8s\.io/\S+) => \./staging/", theirs, re.MULTILINE)
    version = VERSION.replace("v1.", "v0.", 1)
    lines = [
        "module cluster",
        *re.findall(r"^go .*$", theirs, re.MULTILINE),
        f"require k8s.io/kubernetes {VERSION}",
        *(f"replace {library} => {library} {version}" for library in libraries),
    ]
    (folder / "go.mod").write_text("\n".join(lines) + "\n")
    imports = "\n".join(f'import _ "k8s.io/kubernetes/cmd/{name}"' for name in NAMES)
    (folder / "needed.go").write_text(f"//go:build needed\n\npackage cluster\n\n{imports}\n")
    # What only the tests of the libraries need may be missing.
    _go(folder, "mod", "tidy", "-e")


def _linked() -> str:
    """Return the linker's options: no symbols, and the version, which the programs compare with each other."""
    minor = VERSION.split(".")[1]
    told = {"gitVersion": VERSION, "gitMajor": "1", "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(["-s -w", *(f"-X {package}.{key}={value}" for package in packages for key, value in told.items())])


def _go(folder: Path, *arguments: str) -> str:
    environ = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(
        ["go", *arguments],  # noqa: S607 - whichever Go the person has
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"`go {' '.join(arguments[:2])}` failed: {done.stderr[-2000:]}")
    return done.stdout
