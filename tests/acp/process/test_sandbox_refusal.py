"""What bubblewrap and srt say when a sandbox cannot be made, and what it means; where it can be provoked, for real."""

import shutil
import subprocess
from pathlib import Path

import pytest

from acp.process.sandbox_refusal import SandboxProblem, SandboxRefusal, refusal_in
from acp.process.srt import NEEDED, settings

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

SAID = {
    "bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user "
    "namespaces. See <https://deb.li/bubblewrap>.": "NAMESPACES_FORBIDDEN",
    "bwrap: No permissions to creating new namespace, likely because the kernel does not allow": "NAMESPACES_FORBIDDEN",
    "bwrap: Creating new namespace failed: Operation not permitted": "NAMESPACES_FORBIDDEN",
    "bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)": (
        "NAMESPACES_USED_UP"
    ),
    "bwrap: Creating new namespace failed: No space left on device": "NAMESPACES_USED_UP",
    "bwrap: Creating new namespace failed, likely because the kernel does not support user namespaces.  bwrap must be "
    "installed setuid on such systems.": "NAMESPACES_UNKNOWN",
    "bwrap: setting up uid map: Permission denied": "IDS_FORBIDDEN",
    "bwrap: Can't mount proc on /newroot/proc: Operation not permitted": "PROC_MASKED",
    "bwrap: Failed to make / slave: Permission denied": "MOUNTS_FORBIDDEN",
    "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted": "NETWORK_FORBIDDEN",
    "bwrap: Unknown option --clearenv": "PROGRAM_OLD",
    "bwrap: Can't find source path /srv/a: No such file or directory": "PATH_MISSING",
    "bwrap: Can't chdir to /srv/a: No such file or directory": "PATH_MISSING",
    "bwrap: execvp codex-acp: No such file or directory": "PROGRAM_HIDDEN",
    "Error: Sandbox dependencies not available: ripgrep (rg) not found, socat not installed": "PARTS_MISSING",
    "Error: /a.srt.json does not hold a valid config — network.allowedDomains.0: Invalid domain pattern.": "OTHER",
    "bwrap: Can't make symlink at /lib: File exists": "OTHER",
}
"""What is said, and what it means."""


@pytest.mark.parametrize(("line", "problem"), SAID.items())
def test_each_message_has_a_meaning(line: str, problem: str) -> None:
    """It is found among other lines."""
    found = refusal_in(["a warning of the agent's own", line, "more"])
    assert found is not None
    assert found.problem is SandboxProblem[problem]
    assert found.detail in line


def test_the_path_the_option_or_the_programs_are_found_in_the_message() -> None:
    """A path may contain a colon."""
    assert refusal_in(["bwrap: Can't find source path /srv/a: b: No such file or directory"]) == SandboxRefusal(
        SandboxProblem.PATH_MISSING, "/srv/a: b"
    )
    assert refusal_in(["bwrap: Unknown option --clearenv"]) == SandboxRefusal(SandboxProblem.PROGRAM_OLD, "--clearenv")


def test_what_an_agent_writes_is_no_refusal() -> None:
    """An agent that fails by itself is reported as such."""
    said = [
        "Error: no key",
        "note: bwrap: not at the beginning",
        "",
        "Error: settings.json does not hold a valid config",
    ]
    assert refusal_in(said) is None


@needs_bwrap
@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("--no-such-option", "true"), SandboxProblem.PROGRAM_OLD),
        (("--ro-bind", "/no/such/path", "/x", "true"), SandboxProblem.PATH_MISSING),
        (("--ro-bind", "/", "/", "--chdir", "/no/such/path", "true"), SandboxProblem.PATH_MISSING),
        (("--ro-bind", "/", "/", "no-such-program"), SandboxProblem.PROGRAM_HIDDEN),
    ],
)
def test_the_installed_version_says_what_is_expected(argv: tuple[str, ...], problem: SandboxProblem) -> None:
    """Those messages that any machine can provoke."""
    said = subprocess.run(["/usr/bin/env", "bwrap", *argv], capture_output=True, text=True, check=False)
    found = refusal_in(said.stderr.splitlines())
    assert found is not None, said.stderr
    assert found.problem is problem


@pytest.mark.skipif(shutil.which("srt") is None, reason="srt is not installed")
def test_srt_says_which_parts_are_missing(tmp_path: Path) -> None:
    """Those that its settings name."""
    node, srt = shutil.which("node"), shutil.which("srt")
    assert node is not None
    assert srt is not None
    (tmp_path / "settings").write_text(settings(["example.org"], dict.fromkeys(NEEDED, str(tmp_path / "none"))))
    argv = [node, srt, "--settings", str(tmp_path / "settings"), "--", "true"]
    said = subprocess.run(argv, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)})
    found = refusal_in(said.stderr.splitlines())
    assert found is not None, said.stderr
    assert (found.problem, "socat" in found.detail) == (SandboxProblem.PARTS_MISSING, True)
