"""`/diff` on another machine: what it shows there, what it leaves untouched, and why it may show nothing."""

from pathlib import Path

import pytest

import bot.commands.far_git_changes
import bot.commands.git_changes
from bot.commands.far_git_changes import read_far_changes
from bot.commands.git_changes import Changes, read_changes
from bot.commands.git_safety import GitFailed
from bot.user_messages import git_errors
from tests.support.other_machine import OtherMachine

from .test_git_safety import git, made


@pytest.fixture
def machine(tmp_path: Path) -> OtherMachine:
    """Another machine, without a repository."""
    return OtherMachine(tmp_path)


def state(repository: Path) -> dict[str, bytes]:
    """Return the content of every file of a repository's git directory."""
    return {str(file): file.read_bytes() for file in (repository / ".git").rglob("*") if file.is_file()}


async def both(machine: OtherMachine, name: str) -> tuple[Changes, Changes]:
    """Compare a directory there by plain git, and the same files here in the safe way."""
    work = machine.root / name
    return await read_far_changes(machine, machine.path / name), await read_changes(work, (machine.root,))


async def test_changes_there_are_shown_as_changes_here_are(machine: OtherMachine) -> None:
    """Changed, renamed, deleted, new, binary and ignored files; and the repository stays as it is."""
    work = made(machine.root / "work", "one")
    for name, text in (("old", "a long enough text\n" * 5), ("gone", "gone\n"), (".gitignore", "ignored\n")):
        (work / name).write_text(text)
    git("add", ".", at=work)
    git("commit", "--quiet", "-m", "second", at=work)
    (work / "a").write_text("two\n")
    git("mv", "old", "renamed", at=work)
    (work / "gone").unlink()
    (work / "\u00e4 new").write_text("new\n")
    (work / "binary").write_bytes(bytes(range(256)))
    (work / "ignored").write_text("ignored")
    before = state(work)
    far, near = await both(machine, "work")
    assert far == near
    assert b"GIT binary patch" in far.patch
    assert {*far.status.splitlines()} == {"M a", "D gone", "R old → renamed", "A \u00e4 new", "A binary"}
    assert state(work) == before
    assert len(machine.ran) == 1


async def test_a_directory_below_the_top_shows_its_own_changes(machine: OtherMachine) -> None:
    """With names relative to it."""
    work = made(machine.root / "work", "one")
    (work / "sub").mkdir()
    (work / "sub" / "new").write_text("new\n")
    (work / "a").write_text("two\n")
    far, near = await both(machine, "work/sub")
    assert far == near
    assert far.status == "A new"


async def test_a_repository_without_changes_or_without_commits_is_compared(machine: OtherMachine) -> None:
    """To the empty tree where there is no commit."""
    made(machine.root / "work", "one")
    assert (await read_far_changes(machine, machine.path / "work")).patch == b""
    (machine.root / "fresh").mkdir()
    git("init", "--quiet", at=machine.root / "fresh")
    (machine.root / "fresh" / "first").write_text("first\n")
    far, near = await both(machine, "fresh")
    assert far == near
    assert far.status == "A first"


async def test_nested_repositories_and_unreadable_files_are_remarked(machine: OtherMachine) -> None:
    """As on this machine: of a nested one only the commit counts."""
    work = made(machine.root / "work", "one")
    made(work / "inner", "inner")
    (work / "empty").mkdir()
    git("init", "--quiet", at=work / "empty")
    far, near = await both(machine, "work")
    assert (far.nested, far.unread) == (near.nested, near.unread) == (True, True)


async def test_a_patch_beyond_the_bound_is_cut(machine: OtherMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so."""
    work = made(machine.root / "work", "one")
    (work / "a").write_text("x" * 10_000)
    monkeypatch.setattr(bot.commands.far_git_changes, "LARGEST", 100)
    found = await read_far_changes(machine, machine.path / "work")
    assert (len(found.patch), found.cut, found.status) == (100, True, "M a")


async def test_a_directory_that_cannot_be_compared_says_why(
    machine: OtherMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No repository, a damaged one, no directory, no machine, no git, no time."""
    (machine.root / "plain").mkdir()
    damaged = made(machine.root / "damaged", "one")
    (damaged / ".git" / "index").write_bytes(b"damaged")
    for name, reason in (
        ("plain", git_errors.NO_REPOSITORY),
        ("damaged", "git diff failed"),
        ("gone", f"its directory {machine.path}/gone does not exist."),
    ):
        with pytest.raises(GitFailed) as failed:
            await read_far_changes(machine, machine.path / name)
        assert str(failed.value) == reason
    for script, reason in (
        ("exit 20", "git cannot be run: it is not installed on the agent's machine"),
        ("exec sleep 600", "git took more than 1 s"),
    ):
        monkeypatch.setattr(bot.commands.far_git_changes, "COMPARE_SECONDS", 1.0)
        monkeypatch.setattr(bot.commands.far_git_changes, "_SCRIPT", script)
        with pytest.raises(GitFailed) as failed:
            await read_far_changes(machine, machine.path / "plain")
        assert str(failed.value) == reason
    machine.is_reachable = False
    with pytest.raises(GitFailed, match="worker1 cannot be reached: no route to host"):
        await read_far_changes(machine, machine.path / "plain")
