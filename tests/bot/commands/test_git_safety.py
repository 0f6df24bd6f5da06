"""The repositories that `/diff` may read, and what an agent could write to reach others."""

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import acp.paths
import bot.commands.git_changes
from bot.commands.git_changes import LISTED, read_changes
from bot.commands.git_safety import GitFailed, read_regular
from bot.user_messages.git_errors import BORROWED, FOREIGN

SECRET = "what only the other repository holds"


def git(*args: str, at: Path) -> str:
    """Run git without a user's configuration."""
    names = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    told = subprocess.run(
        ("git", *names, *args),  # noqa: S607 - whichever is installed
        cwd=at,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip()


def made(directory: Path, text: str) -> Path:
    """Create a repository with one commit, of the file `a`."""
    directory.mkdir()
    git("init", "--quiet", "--initial-branch=main", at=directory)
    (directory / "a").write_text(f"{text}\n")
    git("add", ".", at=directory)
    git("commit", "--quiet", "-m", "first", at=directory)
    return directory


async def shown(directory: Path, *roots: Path) -> str:
    """Return the patch for an agent that writes to the directory, or to the `roots`."""
    return (await read_changes(directory, roots or (directory,))).patch.decode()


async def test_repositories_worktrees_and_submodules_show_their_own_changes(tmp_path: Path) -> None:
    """Also below the top of a tree, and with a main repository elsewhere."""
    main = made(tmp_path / "main", "one")
    (main / "sub").mkdir()
    (main / "sub" / "new").write_text("below\n")
    assert "+below" in await shown(main / "sub")
    git("worktree", "add", "--quiet", str(tmp_path / "linked"), at=main)
    git("submodule", "--quiet", "add", str(made(tmp_path / "part", "part")), "part", at=main)
    for directory in (main, tmp_path / "linked", main / "part"):
        (directory / "a").write_text("two\n")
        assert "+two" in await shown(directory)
    link = tmp_path / "by-a-link"
    link.symlink_to(tmp_path / "linked")
    assert "+two" in await shown(link)


async def test_a_directory_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting git there would block the event loop."""
    monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", 0.05)
    answers, resolve = threading.Event(), Path.resolve

    def hang(path: Path) -> Path:
        if path == tmp_path:
            answers.wait(60)
        return resolve(path)

    monkeypatch.setattr(Path, "resolve", hang)
    try:
        with pytest.raises(GitFailed, match="does not answer"):
            await read_changes(tmp_path, (tmp_path,))
    finally:
        answers.set()


async def test_the_files_of_a_repository_that_do_not_answer_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold one thread, and no comparison of another directory."""
    gone, there = made(tmp_path / "gone", "one"), made(tmp_path / "there", "one")
    (there / "a").write_text("two\n")
    answers = threading.Event()

    def hang(path: Path, most: int, what: str) -> bytes | None:
        if path.is_relative_to(gone):
            assert answers.wait(60)
        return read_regular(path, most, what)

    monkeypatch.setattr(bot.commands.git_changes, "read_regular", hang)
    try:
        monkeypatch.setattr(bot.commands.git_changes, "LOOK_SECONDS", 0.05)
        with pytest.raises(GitFailed, match=r"gone does not answer"):
            await read_changes(gone, (gone,))
        monkeypatch.setattr(bot.commands.git_changes, "LOOK_SECONDS", 60.0)
        assert "+two" in await shown(there)
    finally:
        answers.set()


async def test_a_git_that_survives_its_kill_is_abandoned_after_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a process waits for an unreachable file system."""
    processes: list[asyncio.subprocess.Process] = []
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "git").write_text("#!/bin/sh\nexec sleep 600\n")
    (directory / "git").chmod(0o700)
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    kill = asyncio.subprocess.Process.kill

    def unkillable(process: asyncio.subprocess.Process) -> None:
        processes.append(process)

    monkeypatch.setattr(asyncio.subprocess.Process, "kill", unkillable)
    monkeypatch.setattr(bot.commands.git_changes, "GIT_SECONDS", 0.5)
    monkeypatch.setattr(bot.commands.git_changes, "KILL_SECONDS", 0.05)
    try:
        with capture_logs() as logs, pytest.raises(GitFailed, match="git took more than"):
            await read_changes(tmp_path / "bin", (tmp_path / "work",))
        (process,) = processes
        assert {"event": "git was killed and does not end", "log_level": "warning", "pid": process.pid} in logs
    finally:
        for each in processes:
            kill(each)
            await each.wait()


async def test_repositories_inside_are_compared_by_their_commits(tmp_path: Path) -> None:
    """A new repository without a commit hides no other change, and no configuration of theirs runs a program."""
    main = made(tmp_path / "main", "one")
    git("submodule", "--quiet", "add", str(made(tmp_path / "part", "part")), "part", at=main)
    git("commit", "--quiet", "--message", "part", at=main)
    trap = tmp_path / "trap"
    for key in ("core.fsmonitor", "diff.external", "filter.x.clean"):
        git("config", key, f"touch {trap}; cat", at=main / "part")
    (main / "part" / "a").write_text("two\n")
    found = await read_changes(main, (main,))
    assert (found.patch, found.nested, found.unread) == (b"", True, False)
    assert not trap.exists()
    git("-c", "core.fsmonitor=", "commit", "--quiet", "--all", "--message", "two", at=main / "part")
    trap.unlink(missing_ok=True)
    (main / "begun").mkdir()
    git("init", "--quiet", at=main / "begun")
    (main / "new").write_text("new\n")
    found = await read_changes(main, (main,))
    assert "+Subproject commit" in found.patch.decode()
    assert "+new" in found.patch.decode()
    assert (found.status, found.nested, found.unread) == ("A new\nM part", True, True)
    assert not trap.exists()


def gitdir(here: Path, other: Path) -> None:
    """Write a `.git` file that names another repository."""
    (here / ".git").write_text(f"gitdir: {other}/.git\n")


def of_a_worktree(here: Path, other: Path) -> None:
    """Write a `.git` file that names the git directory of another repository's worktree."""
    git("worktree", "add", "--quiet", str(other.with_name("other-linked")), at=other)
    (here / ".git").write_text(f"gitdir: {other}/.git/worktrees/other-linked\n")


def linked_to_a_worktree(here: Path, other: Path) -> None:
    """Link to the `.git` file of another repository's worktree, which names itself."""
    git("worktree", "add", "--quiet", str(other.with_name("other-linked")), at=other)
    (here / ".git").symlink_to(other.with_name("other-linked") / ".git")


def linked(here: Path, other: Path) -> None:
    """Link to another repository's git directory."""
    (here / ".git").symlink_to(other / ".git")


def commondir(here: Path, other: Path) -> None:
    """Create a git directory that shares everything with another one."""
    own = here / ".git"
    own.mkdir()
    (own / "HEAD").write_text("ref: refs/heads/main\n")
    (own / "commondir").write_text(f"{other}/.git\n")
    (own / "gitdir").write_text(f"{own}\n")


def forged_outside(here: Path, other: Path) -> None:
    """The same, where the agent may write outside its directories."""
    beside = here.with_name("beside") / "worktrees" / "x"
    beside.mkdir(parents=True)
    (beside / "HEAD").write_text("ref: refs/heads/main\n")
    (beside / "commondir").write_text(f"{other}/.git\n")
    (beside / "gitdir").write_text(f"{here}/.git\n")
    (here / ".git").write_text(f"gitdir: {beside}\n")


@pytest.mark.parametrize("forge", [gitdir, of_a_worktree, linked_to_a_worktree, linked, commondir, forged_outside])
async def test_a_git_that_leads_to_another_repository_is_not_followed(
    tmp_path: Path, forge: Callable[[Path, Path], None]
) -> None:
    """The other repository does not name this directory, and its content stays hidden."""
    here = tmp_path / "here"
    here.mkdir()
    forge(here, made(tmp_path / "other", SECRET))
    assert SECRET in git("show", "HEAD:a", at=here)
    with pytest.raises(GitFailed, match=FOREIGN):
        await shown(here)


def alternates(objects: Path, others: Path) -> None:
    """Write the file that names further object directories."""
    (objects / "info").mkdir(exist_ok=True)
    (objects / "info" / "alternates").write_text(f"{others}\n")


def quoted(objects: Path, others: Path) -> None:
    """The same, in quotes."""
    (objects / "info").mkdir(exist_ok=True)
    (objects / "info" / "alternates").write_text(f'"{others}"\n')


def all_of_them(objects: Path, others: Path) -> None:
    """Replace the directory with a link."""
    objects.rename(objects.with_name("away"))
    objects.symlink_to(others)


def one_of_them(objects: Path, others: Path) -> None:
    """Link to single objects."""
    for each in others.glob("??/*"):
        (objects / each.parent.name).mkdir(exist_ok=True)
        (objects / each.parent.name / each.name).symlink_to(each)


@pytest.mark.parametrize("borrow", [alternates, quoted, all_of_them, one_of_them])
async def test_objects_of_another_repository_are_not_borrowed(
    tmp_path: Path, borrow: Callable[[Path, Path], None]
) -> None:
    """With its objects and the name of its commit, all its content would appear as a deletion."""
    here, other = made(tmp_path / "here", "mine"), made(tmp_path / "other", SECRET)
    borrow(here / ".git" / "objects", other / ".git" / "objects")
    (here / ".git" / "refs" / "heads" / "main").write_text(git("rev-parse", "HEAD", at=other) + "\n")
    assert SECRET in git("show", "HEAD:a", at=here)
    with pytest.raises(GitFailed, match=BORROWED):
        await shown(here)


async def test_objects_may_be_borrowed_from_where_the_agent_writes_anyway(tmp_path: Path) -> None:
    """As a clone in one of its directories does from another."""
    other = made(tmp_path / "other", "one")
    git("clone", "--quiet", "--shared", str(other), str(tmp_path / "here"), at=tmp_path)
    (tmp_path / "here" / "a").write_text("two\n")
    assert "+two" in await shown(tmp_path / "here", tmp_path / "here", other)


OLD = "unset GIT_NO_LAZY_FETCH"
OLDER = "unset GIT_NO_LAZY_FETCH GIT_ALLOW_PROTOCOL"
"""Emulates a git that ignores a variable, in shell."""


def other_git(folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> None:
    """Wrap the installed git in a program that runs `lines` first."""
    installed = shutil.which("git")
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\n{lines}\nexec {installed} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("lines", [OLD, OLDER])
async def test_git_fetches_no_object_for_a_repository_that_lacks_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str
) -> None:
    """Its configuration names the remote, and so the program; older gits ignore the variables against it."""
    here, trap = made(tmp_path / "here", "one"), tmp_path / "trap"
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::touch {trap}"),
        ("protocol.ext.allow", "always"),
    ):
        git("config", key, value, at=here)
    commit = git("rev-parse", "HEAD", at=here)
    (here / ".git" / "objects" / commit[:2] / commit[2:]).unlink()
    other_git(tmp_path / "bin", monkeypatch, lines)
    with suppress(GitFailed):
        await shown(here)
    assert not trap.exists()


async def test_git_runs_no_program_that_an_agent_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration, attributes, hooks, variables, and a git in the agent's directory."""
    here, trap = made(tmp_path / "here", "one"), tmp_path / "trap"
    run = f"touch {trap}; false"
    keys = [
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy"),
        *("core.alternateRefsCommand", "diff.external", "diff.x.command", "diff.x.textconv", "credential.helper"),
        *("filter.x.clean", "filter.x.smudge", "filter.x.process", "gpg.program", "uploadpack.packObjectsHook"),
        *("pager.diff", "pager.rev-parse", "interactive.diffFilter", "merge.x.driver", "submodule.part.update"),
        *(f"alias.{name}" for name in ("rev-parse", "config", "init", "add", "diff", "ls-files", "hash-object")),
    ]
    config = here / ".git" / "config"
    git("config", "extensions.worktreeConfig", "true", at=here)
    for key in keys:
        value = f"!{run}" if key.startswith(("alias", "credential", "submodule")) else run
        for file in (config, config.with_name("config.worktree"), here / "included"):
            git("config", "--file", str(file), key, value, at=tmp_path)
    for key, value in (("include.path", "../included"), ("core.hooksPath", "hooks"), ("core.attributesFile", "more")):
        git("config", "--file", str(config), key, value, at=tmp_path)
    for attributes in (here / ".gitattributes", here / "more", here / ".git" / "info" / "attributes"):
        attributes.write_text("* filter=x diff=x merge=x\n")
    hooks = ("post-index-change", "reference-transaction", "fsmonitor-watchman", "pre-auto-gc")
    programs = [folder / name for folder in (here / "hooks", here / ".git" / "hooks") for name in hooks]
    for program in (*programs, here / "git", here / "bin" / "git", here / "exec" / "git-diff"):
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{run}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin", str(here / "bin"), os.environ["PATH"]]))
    monkeypatch.setenv("GIT_EXEC_PATH", str(here / "exec"))
    for name in ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_PROXY_COMMAND"):
        monkeypatch.setenv(name, run)
    for name, value in (("COUNT", "1"), ("KEY_0", "core.fsmonitor"), ("VALUE_0", run)):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    (here / "a").write_text("two\n")
    assert "+two" in await shown(here)
    assert not trap.exists()


async def test_a_very_long_file_list_is_cut_after_its_first_lines(tmp_path: Path) -> None:
    """People see its first lines, and an agent may create hundreds of thousands of files."""
    git("init", "--quiet", at=tmp_path)
    for number in range(2_000):
        (tmp_path / f"{number:04}{'x' * 60}").touch()
    found = await read_changes(tmp_path, (tmp_path,))
    assert found.status.startswith("A 0000xxx")
    assert LISTED // 2 < len(found.status) <= LISTED
    assert b"1999xxx" in found.patch
