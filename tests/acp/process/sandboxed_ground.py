"""A directory of an account, and programs that run there in a sandbox."""

import os
import pwd
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from acp.process.sandbox import Entered, Sandbox, enter, look_now
from tests.acp.child_processes import PATIENCE

SYSTEM_ENV = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere"}
"""The environment of a program of the system."""


@dataclass(frozen=True)
class Ground:
    """A folder of an account (this one, if it has no name), with the directory of a project and one beside it."""

    account: str
    folder: Path

    @property
    def cwd(self) -> Path:
        """Where programs start."""
        return self.folder / "project"

    @property
    def outside(self) -> Path:
        """What no sandbox shows by itself."""
        return self.folder / "outside"

    @property
    def identity(self) -> dict[str, Any]:
        """The arguments that start a process as the account."""
        if not self.account:
            return {}
        entry = pwd.getpwnam(self.account)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def own(self) -> None:
        """Give all of the folder to the account."""
        if self.account:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, self.identity["user"], self.identity["group"], follow_symlinks=False)

    def file(self, name: str, text: str = "") -> Path:
        """Write a file below the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.own()
        return path

    def git(self, *words: str, cwd: Path | None = None) -> None:
        """Run git outside."""
        where = cwd or self.cwd
        where.mkdir(parents=True, exist_ok=True)
        line = ("git", "-c", "safe.directory=*", *words)
        subprocess.run(line, cwd=where, check=True, capture_output=True)
        self.own()

    def run(self, script: str, sandbox: Sandbox | None = None, **variables: str) -> str:
        """Run lines of shell inside; return what they print, and behind it the exit status."""
        return self.run_after(lambda: None, script, sandbox or Sandbox(), variables)

    def run_after(
        self,
        between: Callable[[], None],
        script: str,
        box: Sandbox,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """The same; do something between the look at the disk and the start."""
        facts = replace(look_now(box, self.cwd, SYSTEM_ENV), is_root=not self.account and os.geteuid() == 0)
        between()
        self.own()  # Also what was made for the sandbox.
        return self.start(enter(box, facts, ("/bin/sh", "-c", script), {**SYSTEM_ENV, **variables}))

    def start(self, entered: Entered) -> str:
        """Run a line inside; return what it prints, and behind it the exit status."""
        ran = subprocess.run(
            entered.argv,
            env=entered.env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
            start_new_session=True,
            **self.identity,
        )
        return f"{ran.stdout}{ran.returncode}"
