"""Attacks on the sandbox by an agent that works with another one in the same directory, or that returns to it."""

import ctypes
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from acp.errors import SpawnFailed, StartProblem
from acp.process.autorun import _of_repository
from acp.process.repository_watch import undo_redirections
from acp.process.sandbox import ENGINE, Sandbox, enter, look, look_now
from tests.acp.process.sandboxed_ground import SYSTEM_ENV, Ground

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
    ground.git("init")
    ground.git("config", "core.hooksPath", "sub/kernel")
    ground.file("project/sub/kernel/pre-commit", "OLD")

    def swap() -> None:
        (ground.cwd / "sub").rename(ground.cwd / "before")
        (ground.cwd / "sub").symlink_to("../" * len(ground.cwd.parents) + "proc/sys")

    same = "for each in /proc/sys/vm/swappiness sub/vm/swappiness; do cat $each > /tmp/v; cat /tmp/v > $each; done"
    said = ground.run_after(swap, same, Sandbox())
    assert said.count("cannot create") == 2


@pytest.mark.parametrize("repository", [False, True])
@pytest.mark.parametrize("is_modern", [False, True])
def test_each_namespace_is_of_its_own(ground: Ground, *, repository: bool, is_modern: bool) -> None:
    """Processes, mounts, ids, names of the machine, queues and shared memory, control groups; and no capability."""
    if repository:
        ground.git("init")
    facts = replace(look_now(Sandbox(), ground.cwd, SYSTEM_ENV), is_root=not ground.account and os.geteuid() == 0)
    names = ("pid", "mnt", "user", "uts", "ipc", "cgroup")
    line = (
        "sh",
        "-c",
        f"for each in {' '.join(names)}; do readlink /proc/self/ns/$each; done; grep Cap /proc/self/status",
    )
    said = ground.start(enter(Sandbox(), replace(facts, is_modern=is_modern), line, SYSTEM_ENV)).split()
    outside = {str(Path(f"/proc/self/ns/{each}").readlink()) for each in names}
    assert len(outside.union(said[: len(names)])) == 2 * len(names)
    assert said.count("0" * 16) == 5


def test_the_processes_of_the_engine_give_no_way_around_what_is_protected(ground: Ground) -> None:
    """They see the disk as the agent does, or are out of its reach."""
    ground.git("init")
    ground.run(
        "for each in /proc/[0-9]*; do echo evil > $each/root$PWD/.git/hooks/evil; echo evil > $each/cwd/.git/config;"
        "done; kill -9 1 2 3"
    )
    assert not (ground.cwd / ".git" / "hooks" / "evil").exists()
    assert "evil" not in (ground.cwd / ".git" / "config").read_text()


# ---- the system


def test_settings_that_not_everybody_may_read_are_hidden(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of services, whatever they are called: the bot may be root, or share a group with them."""
    settings = ground.folder / "etc"
    for name, mode in (("deep/public", 0o644), ("deep/key", 0o640), ("closed/key", 0o644)):
        ground.file(f"etc/{name}", f"TEXT {name}").chmod(mode)
    (settings / "closed").chmod(0o750)
    monkeypatch.setattr("acp.process.system_files.SETTINGS", settings)
    said = ground.run(f"cd {settings}; cat deep/* closed/*", Sandbox(readable=(settings,)))
    assert "TEXT deep/public" in said
    assert said.count("TEXT") == 1


def test_what_replaces_a_hidden_file_among_the_settings_is_hidden_too(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor writes a new configuration beside the old one, and gives it its name. What is named is still seen."""
    settings = ground.folder / "etc"
    for name in ("bot/config", "bot/named", "public"):
        ground.file(f"etc/{name}", f"TEXT {name}")
    monkeypatch.setattr("acp.process.system_files.SETTINGS", settings)
    box = Sandbox(readable=(settings, settings / "bot" / "named"), hidden=(settings / "bot" / "config",))

    def edit() -> None:
        ground.file("etc/bot/config.new", "TEXT new")

    said = ground.run_after(edit, f"cd {settings}; cat bot/* public", box)
    assert said == "TEXT bot/namedTEXT public0"


@pytest.mark.parametrize("repository", [False, True])
def test_no_further_user_namespace_can_be_made(ground: Ground, *, repository: bool) -> None:
    """In one, an agent could mount the control groups of the machine, and end the bot by them."""
    if repository:
        ground.git("init")
    said = ground.run("python3 -c 'import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))'")
    assert said == "-1\n0"


def test_directories_in_memory_are_bounded(ground: Ground) -> None:
    """They count for no process, so that only their own bound keeps an agent from filling the memory with files."""
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8
    said = ground.run("stat -f -c '%b %S' /tmp /var/tmp /dev/shm; echo > /dev/x || echo > /y || echo > /var/y")
    *sizes, status = said.splitlines()
    assert all(int(blocks) * int(size) <= most + 4096 for blocks, size in map(str.split, sizes[:3]))
    assert sum("cannot create" in each for each in sizes) == 3
    assert status != "0"


def test_a_terminal_of_its_own_works(ground: Ground) -> None:
    """Programs open them below /dev, which is read-only otherwise."""
    script = "import os; a, b = os.openpty(); os.write(b, b'works'); print(os.read(a, 9), os.ttyname(b))"
    assert ground.run(f'python3 -c "{script}"; echo x > /dev/shm/x; echo x > /dev/null') == "b'works' /dev/pts/0\n0"


# ---- what agents share


def test_a_directory_of_another_agent_cannot_be_replaced_by_a_link(ground: Ground) -> None:
    """The other would see what the link leads to. What is in it can be changed."""
    ground.file("project/deep/sub/file", "OLD")
    box = Sandbox(shared=(ground.cwd, ground.cwd / "deep" / "sub", ground.cwd / "gone"))
    said = ground.run("mv deep/sub d; mv deep d; rm -r deep; ln -sfn /root deep/sub; echo new > deep/sub/file", box)
    assert said.count("busy") >= 3
    assert not (ground.cwd / "deep" / "sub").is_symlink()
    assert (ground.cwd / "deep" / "sub" / "file").read_text() == "new\n"


def test_what_is_readable_stays_so_in_a_directory_of_another_agent(ground: Ground) -> None:
    """That the other may write it is no matter here."""
    ground.file("project/data/sub/file", "OLD")
    box = Sandbox(readable=(ground.cwd / "data",), shared=(ground.cwd / "data" / "sub",))
    assert "Read-only" in ground.run("echo evil > data/sub/file", box)


def test_a_link_in_a_directory_of_another_agent_is_not_followed(ground: Ground) -> None:
    """That agent may have put it there."""
    ground.file("outside/secret", "SECRET")
    (ground.folder / "other").mkdir()
    (ground.folder / "other" / "work").symlink_to(ground.outside)
    with pytest.raises(SpawnFailed) as failed:
        look_now(Sandbox(shared=(ground.folder / "other",)), ground.folder / "other" / "work", SYSTEM_ENV)
    assert failed.value.problem is StartProblem.SANDBOX_LINK


KEYS = """
import ctypes, sys
call = lambda *words: ctypes.CDLL(None).syscall(*words)
found = call(250, 10, -3, b"user", sys.argv[1].encode(), 0)
print("found" if found > 0 else "missing")
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the calls have other numbers here")
async def test_keys_of_the_login_are_out_of_reach(ground: Ground) -> None:
    """Each process inherits a keyring of the kernel, and no namespace takes it away."""
    libc, name = ctypes.CDLL(None), f"sandbox-{ground.folder.name}"
    if libc.syscall(248, b"user", name.encode(), b"KEY", 3, -3) < 0:
        pytest.skip("this kernel has no keys")
    line = ("python3", "-c", KEYS, name)
    assert _output(line) == "found\n"
    facts = await look(Sandbox(), cwd=ground.cwd, env=SYSTEM_ENV)
    assert ground.start(enter(Sandbox(), facts, line, SYSTEM_ENV)) == "missing\n0"


def _output(line: Sequence[str]) -> str:
    return subprocess.run(line, capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize("place", ["project/node_modules/.bin", "other/bin"])
def test_an_engine_that_an_agent_has_planted_is_not_started(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """It would run outside. Tools for a project put its directory on the PATH of a terminal, and so on the bot's."""
    planted = ground.file(f"{place}/{ENGINE}", f"#!/bin/sh\necho > {ground.folder}/escaped\n")
    planted.chmod(0o755)
    monkeypatch.setenv("PATH", f"{planted.parent}{os.pathsep}{os.environ['PATH']}")
    assert ground.run("echo works", Sandbox(shared=(ground.folder / "other",))) == "works\n0"
    assert not (ground.folder / "escaped").exists()
    facts = look_now(Sandbox(shared=(ground.folder / "other",)), ground.cwd, SYSTEM_ENV)
    around = replace(facts, around=("srt",))
    assert str(planted.parent) not in enter(Sandbox(), around, ("true",), SYSTEM_ENV).env["PATH"]


def test_a_program_in_the_bots_own_folder_shows_nothing_else_of_it(ground: Ground) -> None:
    """A file that is made there later, such as the journal's, could not be hidden."""
    ground.file("bot/agent", "#!/bin/sh\nls ${0%/*}\n").chmod(0o755)
    ground.file("bot/variables", "TOKEN")
    box = Sandbox(hidden=(ground.folder / "bot" / "threadline.db-wal",))
    facts = look_now(box, ground.cwd, SYSTEM_ENV, f"{ground.folder}/bot/agent")
    assert ground.start(enter(box, facts, ("x",), SYSTEM_ENV)) == "agent\n0"


# ---- what an agent leaves for the next start, or for a person's git


def test_a_configuration_with_a_null_character_does_not_keep_agents_from_starting(ground: Ground) -> None:
    """An agent can make a repository in its directory that nobody looks at."""
    ground.git("init", cwd=ground.cwd / "sub")
    ground.file("project/sub/.git/config", "[core]\n hooksPath = a\0b\n")
    assert ground.run("echo works") == "works\n0"


@pytest.mark.parametrize("name", ["sub{}/.git", ".git/modules/lib{}"])
def test_many_repositories_do_not_keep_agents_from_starting(ground: Ground, name: str) -> None:
    """The engine's work grows with the square of the mounts. The repository at the top is protected first."""
    ground.git("init")
    for number in range(1000):
        git = ground.cwd / name.format(number)
        (git / "hooks").mkdir(parents=True)
        (git / "config").touch()
    facts = look_now(Sandbox(), ground.cwd, SYSTEM_ENV)
    assert len(facts.repositories) == 64
    assert ground.cwd / ".git" / "hooks" in facts.protected
    assert len(facts.protected) <= 2 * 64


def test_many_worktrees_and_included_files_do_not_keep_agents_from_starting(ground: Ground) -> None:
    """An agent can make them in repositories of its own. What the repository at the top has is protected first."""
    ground.git("init")
    for number in range(12):
        git = ground.cwd / f"sub{number}" / ".git"
        for worktree in range(20):
            (git / "worktrees" / str(worktree) / "hooks").mkdir(parents=True)
            (git / "worktrees" / str(worktree) / "commondir").touch()
        for file in range(20):
            (git / f"included{file}").touch()
        (git / "config").write_text("[include]\n" + "".join(f"path = included{file}\n" for file in range(20)))
    facts = look_now(Sandbox(), ground.cwd, SYSTEM_ENV)
    assert len(facts.protected) == 512
    assert {ground.cwd / ".git" / "hooks", ground.cwd / ".git" / "config"} <= {*facts.protected}
    assert ground.run("echo works") == "works\n0"


def test_a_linked_worktree_cannot_be_given_another_configuration(ground: Ground) -> None:
    """Its file `commondir` says where the configuration is; a person's git runs commands that stand there."""
    ground.git("init", "-b", "main")
    ground.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--allow-empty", "-m", "one")
    ground.git("worktree", "add", str(ground.outside / "linked"))
    common = ground.cwd / ".git" / "worktrees" / "linked" / "commondir"
    before = common.read_text()
    ground.run("cd .git; echo evil > worktrees/linked/commondir; rm -rf worktrees; mv worktrees w; mkdir worktrees")
    assert common.read_text() == before


def test_a_whole_repository_can_be_made_read_only(ground: Ground) -> None:
    """Then git does not run what an agent has written, whatever the agent does: it can redirect a writable one."""
    ground.git("init")
    box = Sandbox(readable=(ground.cwd / ".git",))
    ground.run("echo evil > .git/commondir; rm .git/HEAD; mv .git g; mkdir -p .git/x", box)
    names = {each.name for each in (ground.cwd / ".git").iterdir()}
    assert "HEAD" in names
    assert not {"commondir", "x"} & names


def test_what_the_client_may_write_is_what_a_program_inside_may_write(ground: Ground) -> None:
    """Hooks elsewhere, included files, a bare repository, and what is only readable."""
    ground.git("init")
    ground.git("config", "core.hooksPath", "tools/hooks")
    ground.git("config", "include.path", "../shared.gitconfig")
    ground.git("init", "--bare", cwd=ground.outside)
    for name in ("project/tools/hooks/pre-commit", "project/shared.gitconfig", "project/data/table"):
        ground.file(name, "OLD")
    (ground.folder / "alias").symlink_to("project")
    box = Sandbox(writable=(ground.folder / "alias", ground.outside), readable=(ground.cwd / "data",))
    fixed = [ground.cwd / each for each in ("tools/hooks/new", "shared.gitconfig", "data/table", "sub/.git/config")]
    fixed += [ground.outside / "config", ground.outside / "hooks" / "post-receive"]
    free = [ground.cwd / "tools" / "other", ground.cwd / "data2", ground.outside / "description"]
    assert [each for each in (*fixed, *free) if box.protects(each)] == fixed
    script = "".join(f"echo evil 2>&- > {each} && echo {each};" for each in (*fixed, *free) if ".git/" not in str(each))
    written = ground.run(script, box).splitlines()[:-1]
    assert written == list(map(str, free))


@pytest.mark.parametrize(
    "script",
    [
        "mv .git/HEAD .; cp -r .git/objects .git/refs .",
        "rm .git/HEAD; ln -s refs/heads/none HEAD; cp -r .git/objects .git/refs .",
        "mv .git/HEAD .; mkdir sub; cp -r .git/objects .git/refs sub; echo sub > commondir",
    ],
    ids=["head", "link", "commondir"],
)
def test_a_bare_repository_in_place_of_the_projects_own_is_undone(ground: Ground, script: str) -> None:
    """Git takes it for the repository where `.git` has lost its HEAD, which no mount can prevent."""
    ground.git("init")
    ground.run(f"{script}; echo '[core]' > config")
    head = ground.cwd / "HEAD"
    assert os.path.lexists(head)
    ground.run("true")
    assert not os.path.lexists(head)
    assert (ground.cwd / "config").exists()


def test_a_missing_configuration_is_not_made_where_a_link_leads(ground: Ground) -> None:
    """It would be an empty file anywhere in the account, such as one that forbids logins."""
    ground.git("init", cwd=ground.cwd / "sub")
    ground.git("config", "extensions.worktreeConfig", "true", cwd=ground.cwd / "sub")
    ground.outside.mkdir(exist_ok=True)
    (ground.cwd / "sub" / ".git" / "config.worktree").symlink_to(ground.outside / "made")
    assert ground.run("true") == "0"
    assert not (ground.outside / "made").exists()


def test_a_repository_that_became_a_link_has_nothing_made_or_removed_elsewhere(ground: Ground) -> None:
    """An agent can replace the directories above a `.git` that has nothing to be protected."""
    ground.git("init", "--bare", cwd=ground.outside / "bare")
    ground.git("init", cwd=ground.outside / "plain")
    shutil.rmtree(ground.outside / "plain" / ".git" / "hooks")
    ground.file("outside/plain/.git/commondir", ".")
    ground.run("mkdir -p sub/bare/.git sub/plain/.git")
    facts = look_now(Sandbox(), ground.cwd, SYSTEM_ENV)
    assert {each.parent.name for each in facts.repositories} == {"bare", "plain"}
    ground.run(f"mv sub before; ln -s {ground.outside} sub")
    assert undo_redirections(facts.repositories) == []
    assert [*_of_repository(ground.cwd / "sub" / "plain" / ".git")]
    assert (ground.outside / "bare" / "HEAD").exists()
    left = {each.name for each in (ground.outside / "plain" / ".git").iterdir()}
    assert left & {"commondir", "hooks"} == {"commondir"}
