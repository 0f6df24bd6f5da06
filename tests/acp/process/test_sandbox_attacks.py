"""Attacks on the sandbox by an agent that works with another one in the same directory, or that returns to it."""

import shutil
from pathlib import Path

import pytest

from acp.process.sandbox import ENGINE, Sandbox
from tests.acp.process.sandboxed_ground import Ground

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(shutil.which(ENGINE) is None, reason="bubblewrap is not installed"),
]


# ---- links that are put in place between the look at the disk and the mounts


@pytest.mark.parametrize("name", [".envrc", "sub/.git", ".git/config", ".claude", ".git/hooks", "sub", ".git"])
def test_a_link_that_replaces_what_was_looked_at_leads_nowhere(ground: Ground, name: str) -> None:
    """Another agent in the same directory can swap them at any time."""
    ground.git("init")
    for each in (".envrc", ".claude/settings.json", "sub/.git"):
        ground.file(f"project/{each}", "OLD")
    for each in ("secret", ".git", "hooks/x", "config", "read"):
        ground.file(f"outside/{each}", "SECRET")
    planted, outside = ground.cwd / name, ground.outside
    box = Sandbox(readable=(outside,), hidden=(outside / "secret", outside / "hooks"))

    def swap() -> None:
        target = "outside" if planted.is_dir() else "outside/secret"
        planted.rename(ground.cwd / "before")
        planted.symlink_to("../" * len(Path(name).parts) + target)

    script = f"cat {outside}/secret {outside}/hooks/x {name}/secret; echo evil > {outside}/read; echo > {outside}/made"
    assert "SECRET" not in ground.run_after(swap, script, box)
    assert (outside / "read").read_text() == "SECRET"
    assert not (outside / "made").exists()


def test_a_link_to_the_kernels_settings_opens_none(ground: Ground) -> None:
    """Root could write them: the kernel asks for no capability."""
    ground.file("project/sub/.git", "OLD")
    before = Path("/proc/sys/kernel/domainname").read_bytes()

    def swap() -> None:
        (ground.cwd / "sub").rename(ground.cwd / "before")
        (ground.cwd / "sub").symlink_to("../" * len(ground.cwd.parts) + "proc/sys")
        (ground.cwd / ".envrc").write_text("")

    ground.file("project/.envrc", "OLD")
    ground.run_after(swap, "for each in sub /proc/sys; do echo evil > $each/kernel/domainname; done", Sandbox())
    assert Path("/proc/sys/kernel/domainname").read_bytes() == before


def test_the_processes_of_the_engine_give_no_way_around_what_is_protected(ground: Ground) -> None:
    """They see the disk as the agent does, or are out of its reach."""
    ground.git("init")
    ground.run(
        "for each in /proc/[0-9]*; do echo evil > $each/root$PWD/.git/hooks/evil; echo evil > $each/cwd/.git/config;"
        "done; kill -9 1 2 3"
    )
    assert not (ground.cwd / ".git" / "hooks" / "evil").exists()
    assert "evil" not in (ground.cwd / ".git" / "config").read_text()
