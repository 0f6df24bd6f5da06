"""The sandbox: what a program inside it can see, change and reach. Each attack is one test, tried by two accounts."""

import asyncio
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acp import SpawnFailed
from acp.errors import CloseReason, StartProblem
from acp.process.agent_process import AgentProcess, Launch
from acp.process.sandbox import ENGINE, Sandbox, enter, exit_status, look, look_now
from tests.acp.child_processes import PATIENCE, RUN, SLEEPER, Child, gone, launch
from tests.acp.process.sandboxed_ground import SYSTEM_ENV, Ground

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(shutil.which(ENGINE) is None, reason="bubblewrap is not installed"),
]


# ---- what it sees


def test_a_program_works_in_its_directory(ground: Ground) -> None:
    """It reads, writes and runs the system's programs there."""
    ground.file("project/in.txt", "hello")
    assert ground.run("cat in.txt; sort in.txt > out.txt; mkdir deep && pwd") == f"hello{ground.cwd}\n0"
    assert (ground.cwd / "out.txt").read_text() == "hello\n"


def test_keys_in_a_home_are_absent(ground: Ground) -> None:
    """Nothing of a home is there that is not named."""
    key = ground.file("outside/.ssh/id_ed25519", "KEY")
    said = ground.run(f"cat {key}; ls -a {ground.folder} /root /home")
    assert "No such file" in said
    assert "KEY" not in said
    assert "outside" not in said.replace(str(key), "")


def test_the_systems_secrets_are_hidden_from_root_too(ground: Ground) -> None:
    """Password hashes and host keys, which the bot may read if it is root."""
    said = ground.run("wc -c < /etc/passwd; cat /etc/shadow /etc/gshadow /etc/ssh/ssh_host_*_key /etc/ssl/private/*")
    assert int(said.split()[0]) > 0
    assert "root:" not in said
    assert "PRIVATE KEY" not in said


def test_what_is_hidden_is_not_seen_in_what_is_visible(ground: Ground) -> None:
    """The bot's own files, in a directory that is readable for another reason."""
    ground.file("outside/notes.txt", "NOTES")
    ground.file("outside/bot.toml", "TOKEN")
    ground.file("outside/journal/1", "JOURNAL")
    box = Sandbox(readable=(ground.outside,), hidden=(ground.outside / "bot.toml", ground.outside / "journal"))
    said = ground.run(f"cd {ground.outside}; cat notes.txt bot.toml journal/1; ls journal; touch journal/x", box)
    assert "NOTES" in said
    assert "TOKEN" not in said
    assert "JOURNAL" not in said
    assert "Read-only file system" in said


def test_the_files_of_another_thread_are_absent(ground: Ground) -> None:
    """Its own are there, are made before the start, and can be written."""
    files = ground.outside / "files"
    ground.file("outside/files/2/secret", "SECRET")
    box = Sandbox(readable=(ground.outside,), hidden=(files,), made=(files / "1",))
    said = ground.run(f"ls {files}; cat {files}/2/secret; echo mine > {files}/1/mine && echo done", box)
    assert said.startswith("1\n")
    assert "SECRET" not in said
    assert (files / "1" / "mine").read_text() == "mine\n"


def test_the_environment_of_the_bot_is_out_of_reach(ground: Ground) -> None:
    """The process table has only the processes inside, and each has only the variables that the program got."""
    with subprocess.Popen(["/bin/sleep", "600"], env={"TOKEN": "T0KEN"}, **ground.identity) as other:
        said = ground.run("cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'; ls -d /proc/[0-9]*")
        other.kill()
    assert "T0KEN" not in said
    assert "sleep" not in said
    assert f"/proc/{other.pid}\n" not in said


# ---- what it can change


def test_the_system_cannot_be_written(ground: Ground) -> None:
    """Not even by root."""
    said = ground.run("for each in /usr/bin/x /etc/x /x /root/x /var/x; do echo 1 > $each; done")
    assert said.count("cannot create") == 5
    assert not Path("/usr/bin/x").exists()


def test_the_kernels_settings_cannot_be_written(ground: Ground) -> None:
    """The kernel lets root write most of them without a capability."""
    before = Path("/proc/sys/kernel/domainname").read_bytes()
    said = ground.run("echo evil > /proc/sys/kernel/domainname; echo 0 > /proc/self/oom_score_adj; ls /sys")
    assert said.count("cannot create") == 2
    assert "No such file" in said
    assert Path("/proc/sys/kernel/domainname").read_bytes() == before


def test_devices_and_mounts_cannot_be_made(ground: Ground) -> None:
    """Nor can a read-only mount be made writable."""
    said = ground.run(
        "mknod d b 8 0 && echo made; mount -t tmpfs x /tmp && echo made; mount -o remount,rw / && echo made"
    )
    assert "made" not in said


def test_no_capability_is_left_and_none_can_be_gained(ground: Ground) -> None:
    """Programs with set-user-ID bits give no rights, and a further user namespace opens nothing of the sandbox."""
    ground.git("init")
    status = ground.run("grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs' /proc/self/status")
    assert status.split()[1:10:2] == ["0" * 16] * 5
    assert "NoNewPrivs:\t1" in status
    inner = "umount .git/hooks; mount -o remount,rw,bind .git/hooks; touch .git/hooks/x; umount /etc/*; cat /etc/shadow"
    assert "root:" not in ground.run(f"unshare --user --mount /bin/sh -c {shlex.quote(inner)}")
    assert not (ground.cwd / ".git" / "hooks" / "x").exists()


@pytest.mark.parametrize(
    "name", [".git/hooks/post-commit", ".git/config", ".claude/settings.json", ".envrc", ".mcp.json"]
)
def test_what_runs_by_itself_cannot_be_planted(ground: Ground, name: str) -> None:
    """Not written, replaced, removed, or reached by another name."""
    ground.git("init")
    for each in (".claude/settings.json", ".envrc", ".mcp.json"):
        ground.file(f"project/{each}", "OLD")
    planted = ground.cwd / name
    before = planted.read_text() if planted.exists() else None
    top = name.split("/", maxsplit=1)[0]
    ground.run(
        f"echo evil > {name}; echo evil > e; mv e {name}; ln {name} hard && echo evil > hard; rm -rf {name};"
        f"mv {top} moved; mkdir -p {top}/hooks; echo evil > {name}; rm -rf {top}; cp e {name}"
    )
    assert (planted.read_text() if planted.exists() else None) == before


def test_the_hooks_of_a_repository_without_the_directory_cannot_be_planted(ground: Ground) -> None:
    """A template may leave it out; an empty one takes its place."""
    ground.git("init")
    shutil.rmtree(ground.cwd / ".git" / "hooks")
    ground.run("mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit")
    assert list((ground.cwd / ".git" / "hooks").iterdir()) == []


def test_the_git_of_repositories_below_and_of_submodules_is_protected_too(ground: Ground) -> None:
    """Also from a rename of a directory above them. The hooks may be in the work tree."""
    ground.git("init")
    ground.git("init", cwd=ground.cwd / "below" / "one")
    ground.git("init", "--bare", cwd=ground.cwd / ".git" / "modules" / "lib" / "deep")
    ground.git("config", "core.hooksPath", "tools/hooks")
    ground.file("project/tools/hooks/pre-commit", "OLD")
    ground.file("project/linked/.git", "gitdir: elsewhere")
    names = ("below/one/.git/config", ".git/modules/lib/deep/config", "tools/hooks/pre-commit", "linked/.git")
    before = [(ground.cwd / each).read_text() for each in names]
    ground.run("mv below gone; mv below/one gone; mv .git/modules gone; mv tools gone; mv linked gone")
    ground.run(f"for each in {' '.join(names)}; do mkdir -p $(dirname $each); echo evil > $each; done")
    assert [(ground.cwd / each).read_text() for each in names] == before


def test_git_works_inside(ground: Ground) -> None:
    """Commits, branches and a worktree's files; only configuration and hooks are fixed."""
    ground.git("init", "-b", "main")
    script = """
        set -e; export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        echo one > f; git add f; git commit -qm one; git checkout -qb other; git mv f g; git commit -qm two
        git stash list; git gc -q; git checkout -q main; git merge -q other; git log --format=%s
    """
    assert ground.run(script) == "two\none\n0"


def test_a_bare_repository_is_protected_as_a_directory_of_its_own(ground: Ground) -> None:
    """It has no `.git` by which it could be known."""
    ground.git("init", "--bare")
    before = (ground.cwd / "config").read_text()
    ground.run("echo evil > config; echo evil > hooks/post-receive; mv hooks h; mv config c")
    assert (ground.cwd / "config").read_text() == before
    assert not (ground.cwd / "hooks" / "post-receive").exists()


def test_a_protected_directory_that_is_named_can_be_written(ground: Ground) -> None:
    """The configuration may say so; git's hooks stay protected even if all of git is named."""
    ground.git("init")
    ground.file("project/.claude/settings.json", "OLD")
    box = Sandbox(writable=(ground.cwd, ground.cwd / ".claude", ground.cwd / ".git"))
    ground.run("echo new > .claude/settings.json; echo evil > .git/hooks/post-commit; echo x > .git/description", box)
    assert (ground.cwd / ".claude" / "settings.json").read_text() == "new\n"
    assert (ground.cwd / ".git" / "description").read_text() == "x\n"
    assert not (ground.cwd / ".git" / "hooks" / "post-commit").exists()
    assert box.protects(ground.cwd / ".git" / "hooks" / "post-commit")
    assert box.protects(ground.cwd / "sub" / ".claude" / "x")
    assert not box.protects(ground.cwd / ".claude" / "settings.json")
    assert not box.protects(ground.cwd / "src" / "main.py")


def test_a_readable_path_inside_a_writable_one_cannot_be_moved_or_written(ground: Ground) -> None:
    """What lies deeper takes precedence."""
    ground.file("project/a/data/table", "OLD")
    box = Sandbox(readable=(ground.cwd / "a" / "data",))
    assert "busy" in ground.run("echo evil > a/data/table; mv a/data b; mv a b", box)
    assert (ground.cwd / "a" / "data" / "table").read_text() == "OLD"


def test_temporary_files_are_its_own(ground: Ground) -> None:
    """They do not reach the machine's directory, and those of others are not seen."""
    name = f"sandbox-{os.getpid()}"
    assert ground.run(f"echo x > /tmp/{name}; echo x > /var/tmp/{name}; ls /var/tmp") == f"{name}\n0"
    assert not (Path("/tmp") / name).exists()  # noqa: S108 - looked at, not used


# ---- what it can reach


def test_another_process_cannot_be_ended(ground: Ground) -> None:
    """Its number means nothing inside."""
    with subprocess.Popen(["/bin/sleep", "600"], **ground.identity) as other:
        assert "No such process" in ground.run(f"kill -9 {other.pid}")
        assert other.poll() is None
        other.kill()


REACH = """python3 -c '
import socket, sys
for family, address in ((socket.AF_INET, ("127.0.0.1", int(sys.argv[1]))), (socket.AF_UNIX, chr(0) + sys.argv[2])):
    try:
        socket.socket(family).connect(address)
        print("reached")
    except OSError as error:
        print(type(error).__name__)
' """


@pytest.mark.parametrize(("box", "reached"), [(Sandbox(network="none"), 0), (Sandbox(), 2)], ids=["none", "all"])
def test_without_a_network_the_machines_ports_are_out_of_reach(ground: Ground, box: Sandbox, reached: int) -> None:
    """Its loopback too, and sockets with abstract names. With the network they are reachable."""
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        name = f"sandbox-{os.getpid()}-{ground.folder.name}"
        unix.bind(f"\0{name}")
        unix.listen()
        said = ground.run(f"{REACH} {tcp.getsockname()[1]} {name}", box)
    assert said.count("reached") == reached
    assert said.endswith("\n0")


def test_without_a_network_there_is_no_other_interface(ground: Ground) -> None:
    """Not even a route."""
    said = ground.run("tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/route", Sandbox(network="none"))
    assert said == "    lo\n0"


# ---- what an agent could plant to get out


def test_variables_for_the_loader_count_inside_only(ground: Ground) -> None:
    """The engine runs outside, and would load a library that the agent has written."""
    facts = look_now(Sandbox(), ground.cwd, SYSTEM_ENV)
    entered = enter(Sandbox(), facts, ("env",), {**SYSTEM_ENV, "LD_PRELOAD": "/x.so", "GCONV_PATH": "/y", "KEY": "1"})
    assert not {"LD_PRELOAD", "GCONV_PATH"} & entered.env.keys()
    assert "KEY" not in entered.argv  # Everybody can read a line.
    assert entered.env["KEY"] == "1"
    assert "LD_PRELOAD=/x.so" in ground.run("env 2>&1", LD_PRELOAD="/x.so")


@pytest.mark.parametrize("key", ["readable", "writable", "made"])
def test_a_link_that_the_agent_could_have_planted_is_not_followed(ground: Ground, key: str) -> None:
    """A configured path inside of a writable directory may be a link by the next start."""
    ground.file("outside/secret", "SECRET")
    (ground.cwd / "data").symlink_to(ground.outside)
    paths: dict[str, Any] = {key: (ground.cwd / "data",)}
    with pytest.raises(SpawnFailed) as failed:
        look_now(Sandbox(**paths), ground.cwd, SYSTEM_ENV)
    assert failed.value.problem is StartProblem.SANDBOX_LINK


def test_a_link_in_place_of_the_threads_files_is_not_followed(ground: Ground) -> None:
    """Wherever it is."""
    ground.file("outside/secret", "SECRET")
    (ground.folder / "files").symlink_to(ground.outside)
    with pytest.raises(SpawnFailed, match="link"):
        look_now(Sandbox(made=(ground.folder / "files",)), ground.cwd, SYSTEM_ENV)


def test_a_program_that_the_agent_has_planted_opens_nothing(ground: Ground) -> None:
    """By a link to a file elsewhere, or by a script with an interpreter elsewhere."""
    ground.file("outside/tool", "#!/bin/sh\n").chmod(0o755)
    (ground.cwd / "bin").mkdir()
    (ground.cwd / "bin" / "linked").symlink_to(ground.outside / "tool")
    ground.file("project/bin/script", f"#!{ground.outside}/tool\n").chmod(0o755)
    env = {"PATH": f"{ground.cwd}/bin:/usr/bin"}
    for name in ("linked", "script"):
        facts = look_now(Sandbox(), ground.cwd, env, name)
        assert not any(path.is_relative_to(ground.outside) for path in facts.readable)


def test_hooks_that_lie_behind_a_link_open_nothing_and_hinder_no_start(ground: Ground) -> None:
    """The agent may have replaced a directory on the way by the link."""
    ground.git("init")
    ground.git("config", "core.hooksPath", "tools/hooks")
    ground.file("outside/hooks/secret", "SECRET")
    (ground.cwd / "tools").symlink_to(ground.outside)
    assert ground.run("cat tools/hooks/secret 2> /dev/null; echo started") == "started\n0"


def test_a_link_that_is_protected_by_name_only_opens_nothing(ground: Ground) -> None:
    """A link cannot be protected, and what it leads to is not made visible."""
    ground.file("outside/secret", "SECRET")
    (ground.cwd / ".claude").symlink_to(ground.outside)
    assert "SECRET" not in ground.run("cat .claude/secret")


# ---- programs


def test_a_directory_that_is_reached_by_a_link_has_both_names(ground: Ground) -> None:
    """The agent is told the configured one."""
    (ground.folder / "alias").symlink_to("project")
    ground.file("project/in.txt", "hello")
    facts = look_now(Sandbox(), ground.folder / "alias", SYSTEM_ENV)
    assert (facts.cwd, facts.links[-1]) == (ground.cwd, (ground.folder / "alias", Path("project")))
    assert ground.start(enter(Sandbox(), facts, ("cat", f"{ground.folder}/alias/in.txt"), SYSTEM_ENV)) == "hello0"


@pytest.mark.parametrize(
    ("program", "link", "opened"),
    [
        ("node/v20/lib/node_modules/a/node_modules/b/cli.js", "node/v20/bin/b", "node/v20/lib/node_modules"),
        ("tools/python-3.12/bin/python", "bin/python", "tools/python-3.12"),
        ("tools/plain/bin/agent", "bin/agent", "tools/plain/bin"),
        ("share/agent/versions/1.2.3", "bin/agent", "share/agent/versions"),
    ],
)
def test_a_program_can_read_what_it_is_installed_in(ground: Ground, program: str, link: str, opened: str) -> None:
    """The outermost node_modules, a versioned directory above bin, or else its own."""
    ground.file(program, "#!/bin/sh\necho started\n").chmod(0o755)
    way = ground.folder / link
    way.parent.mkdir(parents=True, exist_ok=True)
    way.symlink_to(ground.folder / program)
    facts = look_now(Sandbox(), ground.cwd, {"PATH": str(way.parent)}, way.name)
    assert facts.program == way
    assert [path for path in facts.readable if path.is_relative_to(ground.folder)] == [ground.folder / opened]
    assert ground.start(enter(Sandbox(), facts, ("x",), SYSTEM_ENV)) == "started\n0"


def test_a_script_can_read_its_interpreter_and_an_environment_its_python(ground: Ground) -> None:
    """From the first line, by PATH or by a path; and from the virtual environment to its base."""
    ground.file("base/py-3.12/bin/python", "#!/bin/sh\n").chmod(0o755)
    (ground.folder / "venv" / "bin").mkdir(parents=True)
    (ground.folder / "venv" / "bin" / "python").symlink_to(ground.folder / "base/py-3.12/bin/python")
    ground.file("venv/pyvenv.cfg")
    ground.file("venv/bin/agent", f"#!{ground.folder}/venv/bin/python\n").chmod(0o755)
    ground.file("scripts/one", "#!/usr/bin/env -S agent --flag\n").chmod(0o755)
    env = {"PATH": f"{ground.folder}/venv/bin:{ground.folder}/scripts:/usr/bin"}
    facts = look_now(Sandbox(), ground.cwd, env, "one")
    found = {path.relative_to(ground.folder) for path in facts.readable if path.is_relative_to(ground.folder)}
    assert found == {Path("scripts"), Path("venv"), Path("base/py-3.12")}


def test_a_home_is_never_opened_for_a_program_in_it(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the program itself is, in a directory that holds far more."""
    home = ground.folder / "v2"
    monkeypatch.setenv("HOME", str(home))
    ground.file("v2/agent", "#!/no/such/interpreter\n").chmod(0o755)
    ground.file("v2/bin/other").chmod(0o755)
    ground.file("v2/bin/broken", "#!'\n").chmod(0o755)
    env = {"PATH": f"{home}:{home}/bin"}
    opened = [look_now(Sandbox(), ground.cwd, env, name).readable for name in ("agent", "other", "broken")]
    mine = [[path for path in each if path.is_relative_to(ground.folder)] for each in opened]
    assert mine == [[home / "agent"], [home / "bin"], [home / "bin"]]


def test_a_program_that_the_configuration_names_can_be_run_too(ground: Ground) -> None:
    """Such as that of an MCP server. One that is missing is left out."""
    ground.file("tools/server", "#!/bin/sh\necho served\n").chmod(0o755)
    box = Sandbox(programs=(f"{ground.folder}/tools/server", "no-such-server"))
    assert ground.run(f"{ground.folder}/tools/server", box) == "served\n0"


def test_the_interpreter_of_these_tests_runs_inside(tmp_path: Path) -> None:
    """Without a word of configuration: a virtual environment, and its base Python elsewhere."""
    env = {"PATH": os.environ["PATH"]}
    facts = look_now(Sandbox(), tmp_path, env, sys.executable)
    line = enter(Sandbox(), facts, (sys.executable, "-c", "import structlog; print('in')"), env)
    assert subprocess.run(line.argv, env=line.env, capture_output=True, check=True).stdout == b"in\n"


# ---- starts that fail


@pytest.mark.parametrize(
    ("sandbox", "command", "problem"),
    [
        (Sandbox(), "no-such-agent", StartProblem.COMMAND_MISSING),
        (Sandbox(readable=(Path("/no/such"),)), "sh", StartProblem.SANDBOX_PATH),
        (Sandbox(made=(Path("/dev/null/x"),)), "sh", StartProblem.DIRECTORY_NOT_MADE),
    ],
)
async def test_what_is_missing_is_named(tmp_path: Path, sandbox: Sandbox, command: str, problem: StartProblem) -> None:
    """It does not start without its sandbox."""
    with pytest.raises(SpawnFailed) as failed:
        await AgentProcess.spawn(Launch(command, (), tmp_path, SYSTEM_ENV, sandbox=sandbox), f"{RUN}/1")
    assert failed.value.problem is problem


async def test_a_missing_engine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for where the bot's own programs are, not where the agent's are."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SpawnFailed, match=f"sandbox program not found: {ENGINE}"):
        await AgentProcess.spawn(Launch("sh", (), tmp_path, SYSTEM_ENV, sandbox=Sandbox()), f"{RUN}/1")


async def test_a_circle_of_links_is_named(tmp_path: Path) -> None:
    """It leads nowhere."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to(f"../{tmp_path.name}/a")
    (tmp_path / "cwd").mkdir()
    with pytest.raises(SpawnFailed, match="levels of symbolic links"):
        await look(Sandbox(readable=(tmp_path / "a",)), cwd=tmp_path / "cwd", env=SYSTEM_ENV)


async def test_a_disk_that_does_not_answer_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for it is bounded. A FIFO stands for a file on a dead network file system."""
    monkeypatch.setattr("acp.paths.ANSWER_SECONDS", 0.1)
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setattr("acp.process.sandbox.look_now", lambda *_: os.close(os.open(tmp_path / "fifo", os.O_RDONLY)))
    try:
        with pytest.raises(SpawnFailed) as failed:
            await look(Sandbox(), cwd=tmp_path, env=SYSTEM_ENV)
        assert failed.value.problem is StartProblem.DIRECTORY_SILENT
    finally:
        await asyncio.to_thread(lambda: os.close(os.open(tmp_path / "fifo", os.O_WRONLY)))


async def test_an_engine_that_fails_is_told_apart_from_an_agent_that_ends(tmp_path: Path) -> None:
    """By its last words, which are kept for the remedy."""
    for words, reason in (("bwrap: No rights", CloseReason.SANDBOX_FAILED), ("Error: bwrap", CloseReason.ENDED)):
        child = await _start(tmp_path, f"sys.stderr.write({words!r}); sys.exit(1)")
        assert getattr(await child.over(), "reason", None) is reason
        await child.process.stop()


# ---- the process


async def _start(cwd: Path, code: str) -> Child:
    child = Child(await AgentProcess.spawn(replace(launch(code, cwd), sandbox=Sandbox()), f"{RUN}/1"))
    child.attach()
    return child


async def test_a_sandboxed_agent_is_read_and_written_like_another(tmp_path: Path) -> None:
    """Its exit status is its own."""
    child = await _start(tmp_path, 'say("got", sys.stdin.readline()); sys.exit(7)')
    child.process.write(b"hello\n")
    assert await child.said("got") == "hello\n"
    assert getattr(await child.over(), "exit_status", None) == 7
    await child.process.stop()


async def test_the_signal_that_ended_an_agent_is_told_through_its_engine(tmp_path: Path) -> None:
    """An engine reports it as a shell does."""
    child = await _start(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")
    assert getattr(await child.over(), "exit_status", None) == -11
    await child.process.stop()
    assert [exit_status(status) for status in (0, 128, 129, 193, 255)] == [0, 128, -1, 193, 255]


async def test_no_process_outlives_the_stop(tmp_path: Path) -> None:
    """Also one that has left its session, hides its variables, and ignores what it can ignore."""
    hidden = f"import ctypes, signal; signal.signal(15, 1); ctypes.CDLL(None).prctl(4, 0); print(flush=True); {SLEEPER}"
    code = f"""
hidden = subprocess.Popen([sys.executable, "-c", {hidden!r}], env={{}}, start_new_session=True, stdout=subprocess.PIPE)
hidden.stdout.read(1)
say("hidden", os.readlink("/proc/self/ns/pid"))
sys.stdin.read()
"""
    child = await _start(tmp_path, code)
    namespace = await child.said("hidden")
    inside = _members(namespace)
    assert len(inside) >= 2
    async with asyncio.timeout(PATIENCE):
        await child.process.stop()
    for pid in inside:
        await gone(pid)


async def test_all_inside_ends_with_the_engine(tmp_path: Path) -> None:
    """It dies with the bot, whatever has killed that; no one is left to stop the others then."""
    child = await _start(
        tmp_path, 'subprocess.Popen(["sleep", "600"]); say("at", os.readlink("/proc/self/ns/pid")); hang()'
    )
    inside = _members(await child.said("at"))
    assert len(inside) >= 3
    os.kill(child.process.pid, signal.SIGKILL)
    for pid in inside:
        await gone(pid)
    await child.process.stop()


def _members(namespace: str) -> list[int]:
    """Return the processes of a process namespace."""
    processes = (each for each in Path("/proc").iterdir() if each.name.isdecimal())
    return [int(each.name) for each in processes if _is_in(each, namespace)]


def _is_in(process: Path, namespace: str) -> bool:
    try:
        return str((process / "ns" / "pid").readlink()) == namespace
    except OSError:  # It has ended, or hides itself.
        return False


# ---- redirected repositories


async def test_an_agent_that_redirects_a_repository_is_stopped_and_the_file_removed(ground: Ground) -> None:
    """Git would run what the other configuration names, as soon as a person asks for the status."""
    if ground.account:
        pytest.skip("the process is started by this account")
    ground.git("init", cwd=ground.cwd / "below")
    git = ground.cwd / "below" / ".git"
    code = f'open("{git}/commondir", "w").write("../evil"); say("written"); hang()'
    child = await _start(ground.cwd, code)
    await child.said("written")
    assert getattr(await child.over(), "reason", None) is CloseReason.GIT_REDIRECTED
    assert not (git / "commondir").exists()
    await child.process.stop()


async def test_a_redirection_in_an_agents_last_moment_is_removed(ground: Ground) -> None:
    """By the stop, or by the next start if the bot was killed before that; in submodules too."""
    ground.git("init")
    ground.git("init", "--bare", cwd=ground.cwd / ".git" / "modules" / "lib")
    left = ground.cwd / ".git" / "modules" / "lib" / "commondir"
    if not ground.account:
        child = await _start(ground.cwd, f'open("{left}", "w").write("../evil"); say("written"); sys.exit()')
        await child.said("written")
        await child.process.stop()
        assert not left.exists()
    left.write_text("../evil")
    ground.run("true")
    assert not left.exists()


def test_configuration_that_git_reads_beside_its_own_is_protected(ground: Ground) -> None:
    """That of a worktree, also a missing one, and files that it includes."""
    ground.git("init")
    ground.git("config", "extensions.worktreeConfig", "true")
    ground.git("config", "include.path", "../.gitconfig")
    ground.file("project/.gitconfig", "OLD")
    ground.run("echo evil > .git/config.worktree; echo evil > .gitconfig; rm -f .git/config.worktree .gitconfig")
    assert (ground.cwd / ".git" / "config.worktree").read_text() == ""
    assert (ground.cwd / ".gitconfig").read_text() == "OLD"


def test_hooks_that_an_included_file_names_are_protected(ground: Ground) -> None:
    """Teams share their settings and hooks in this way. The file may include another one, or itself."""
    ground.git("init")
    ground.git("config", "include.path", "../.gitconfig")
    ground.file("project/.gitconfig", "[include]\n path = tools/hooks.gitconfig\n path = .gitconfig\n")
    ground.file("project/tools/hooks.gitconfig", "[core] hooksPath = tools/hooks\n")
    hook = ground.file("project/tools/hooks/pre-commit", "OLD")
    ground.run("echo evil > tools/hooks/pre-commit; echo evil > tools/hooks/post-checkout; mv tools t")
    assert [*hook.parent.iterdir()] == [hook]
    assert hook.read_text() == "OLD"
    ground.run("echo evil > tools/hooks.gitconfig")
    assert "evil" not in (ground.cwd / "tools" / "hooks.gitconfig").read_text()
