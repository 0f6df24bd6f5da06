"""The command line in real processes: one clear line for what is wrong, its exit code, no traceback."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import cycle
from pathlib import Path

import click
import pytest

from bot.cli import main
from bot.cli.texts import options
from pool.journal.journal import Journal
from tests.support.fork_server import run

TOKEN = "MTIz.secret.value"
BOUND = 60.0
"""Seconds before a command counts as hanging."""


def threadline(*args: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, outside the checkout."""
    return run(*args, cwd=cwd, env=_environment(cwd, environ), timeout=BOUND)


def interpreted(*args: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a new interpreter, where imports matter."""
    return subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env=_environment(cwd, environ),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


def _environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "DISCORD_TOKEN": TOKEN, "HOME": str(home), **more}


def config(folder: Path, *, agent: str = "", rest: str = "") -> Path:
    """Write a configuration whose agent is the scripted one, or `agent`, followed by `rest`."""
    agent = agent or f'command = "{sys.executable}"\nargs = ["-m", "loopback.agent"]'
    path, project = folder / "threadline.toml", folder / "project"
    project.mkdir(exist_ok=True)
    head = '[discord]\ntoken = "${DISCORD_TOKEN}"\n' if "[discord]" not in rest else ""
    path.write_text(f'{head}[agents.default]\n{agent}\ncwd = "{project}"\n{rest}')
    return path


@contextmanager
def closed_endpoint() -> Iterator[str]:
    """Reserve a port on which no server listens; yield its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """Assert one line on stderr with these parts, an empty stdout, and that exit code."""
    (line,) = done.stderr.splitlines()
    assert line.startswith("threadline: ")
    assert all(part in line for part in parts), line
    assert (done.returncode, done.stdout) == (code, "")
    assert TOKEN not in line


# ---- a configuration that cannot be used: exit code 2

BROKEN = {
    "a mistyped key": ("[pool]\nmax_agent = 1\n", "[pool] max_agent: unknown key; did you mean max_agents?"),
    "an unset variable": ('[journal]\npath = "${NOT_SET_ANYWHERE}"\n', "NOT_SET_ANYWHERE is not set"),
    "no TOML": ("[pool\n", ": this is not valid TOML: "),
    "a value of the wrong type": ("[pool]\nmax_agents = []\n", "[pool] max_agents: must be a whole number"),
    "all channels of no guild": ('[access]\nchannels = ["*"]\n', "needs guilds"),
    "an endpoint that is no address": (
        '[discord]\ntoken = "t0ken"\nendpoint = "localhost"\n',
        "[discord] endpoint: must be an address",
    ),
}


@pytest.mark.parametrize(("name", "command"), list(zip(BROKEN, cycle(("run", "check")), strict=False)))
def test_a_broken_configuration_is_one_line_and_exit_code_2(tmp_path: Path, name: str, command: str) -> None:
    """The line names the file, for either command."""
    rest, reason = BROKEN[name]
    path = config(tmp_path, rest=rest)
    assert_one_line(threadline(command, "-c", path, cwd=tmp_path), 2, str(path), reason)


@pytest.mark.parametrize("command", ["run", "doctor"])
@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        ('command = "no-such-agent"', '[agents.default] command: the command "no-such-agent" was not found'),
        (
            'command = "sh"\ncwd = "/no/such/folder"',
            "[agents.default] cwd: the directory /no/such/folder",
        ),
    ],
)
def test_a_missing_agent_or_folder_is_one_line_and_exit_code_2(
    tmp_path: Path, agent: str, reason: str, command: str
) -> None:
    """Reported before any connection."""
    path = config(tmp_path, agent=agent)
    own = f'\ncwd = "{tmp_path}/project"'
    path.write_text(path.read_text().replace(own, "" if "cwd" in agent else own))
    assert_one_line(threadline(command, "-c", path, cwd=tmp_path), 2, f"{path}:", reason)


def test_an_empty_or_missing_token_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """Not a refused login much later."""
    path = config(tmp_path)
    assert_one_line(threadline("run", "-c", path, cwd=tmp_path, DISCORD_TOKEN=""), 2, "[discord] token: is empty")


def test_a_missing_file_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """The named one, or all the places that were looked at."""
    assert_one_line(threadline("run", "-c", "none.toml", cwd=tmp_path), 2, "none.toml: there is no such file")
    places = f"looked for {tmp_path}/threadline.toml and {tmp_path}/.config/threadline/threadline.toml"
    assert_one_line(threadline("check", cwd=tmp_path), 2, places, "threadline init writes one")


def test_a_journal_that_cannot_be_opened_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """A file stands in place of its directory here."""
    (tmp_path / "file").touch()
    path = config(tmp_path, rest='[access]\nchannels = ["1"]\n[journal]\npath = "file/journal.db"\n')
    assert_one_line(threadline("run", "-c", path, cwd=tmp_path), 2, "the journal", "file/journal.db")


def test_a_running_bot_spares_its_libraries_from_garbage_collection(tmp_path: Path) -> None:
    """A full collection blocks all threads: it must cover the conversations' objects, not the libraries'."""
    (tmp_path / "file").touch()
    path = config(tmp_path, rest='[access]\nchannels = ["1"]\n[journal]\npath = "file/journal.db"\n')
    lines = (
        "import atexit, gc, sys",
        "from bot.cli import main",
        "atexit.register(lambda: print(gc.get_freeze_count() > 10 * len(gc.get_objects())))",
        "main()",
    )
    done = interpreted("-c", "\n".join(lines), "run", "-c", path, cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("True\n", 2)


def test_a_journal_that_cannot_be_used_names_the_command_that_begins_a_new_one(tmp_path: Path) -> None:
    """One line, exit code 2; the file is unchanged."""
    (tmp_path / "journal.db").write_text("no database\n" * 100)
    path = config(tmp_path, rest='[access]\nchannels = ["1"]\n[journal]\npath = "journal.db"\n')
    done = threadline("run", "-c", path, cwd=tmp_path)
    assert_one_line(done, 2, f"the journal {tmp_path}/journal.db cannot be read", "`threadline run --new-journal`")
    assert (tmp_path / "journal.db").read_text() == "no database\n" * 100


# ---- everything else: exit code 1


def test_a_journal_that_another_program_has_locked_is_not_put_aside(tmp_path: Path) -> None:
    """Exit code 1, since a later start may succeed; `--new-journal` does not touch the file."""
    path = config(tmp_path, rest='[access]\nchannels = ["1"]\n[journal]\npath = "journal.db"\n')
    Journal.open(tmp_path / "journal.db").close()
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = threadline("run", "--new-journal", "-c", path, cwd=tmp_path)
    assert_one_line(done, 1, "journal.db is locked by another program")
    assert not list(tmp_path.glob("*.broken-*"))


def test_an_endpoint_where_nothing_listens_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    """The line has the address and the system's reason, and no tuple of Python's."""
    with closed_endpoint() as endpoint:
        rest = f"""\
[discord]
token = "{TOKEN}"
endpoint = "{endpoint}"
[access]
channels = ["1"]
[journal]
path = "journal.db"
"""
        done = threadline("run", "-c", config(tmp_path, rest=rest), cwd=tmp_path)
    assert_one_line(done, 1, f"cannot connect to {endpoint}: Connection refused")


@pytest.mark.parametrize("command", [["run"], ["check"], ["--version"]], ids=str)
def test_another_packages_acp_is_noticed_and_nothing_is_done(tmp_path: Path, command: list[str]) -> None:
    """The official SDK has the same import name; the line names the file and the remedy."""
    package = tmp_path / "path" / "acp"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("class Agent: ...\n")
    done = interpreted("-m", "bot", *command, cwd=tmp_path, PYTHONPATH=str(package.parent))
    assert_one_line(done, 2, str(package / "__init__.py"), "agent-client-protocol", "environment of its own")


# ---- check


def test_check_starts_the_agent_and_says_what_it_found(tmp_path: Path) -> None:
    """Handshake, sessions, modes, whether it asks first; warnings too; exit code 0."""
    done = threadline("check", "--offline", "-c", config(tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"ok       configuration: {tmp_path}/threadline.toml is valid"
    assert lines[1] == "warning  configuration: [access] channels is empty; the bot does not work in any channel"
    assert all(line.startswith("ok       agents.default: ") for line in lines[2:])
    assert lines[2].endswith(" answers, protocol version 1")
    assert lines[3].endswith("says that it can reopen sessions: yes")
    assert "modes: default, " in lines[4]
    assert lines[5].endswith("asks before it acts: yes, in mode default")
    assert len(lines) == 6


def test_check_reaches_every_place_and_starts_the_agents_there(tmp_path: Path) -> None:
    """An agent that runs only elsewhere is not started here."""
    scripted = f'command = "{sys.executable}"\nargs = ["-m", "loopback.agent"]'
    agent = f'{scripted}\nenv = {{ PYTHONPATH = "{os.pathsep.join(sys.path)}" }}\nplaces = ["worker1"]'
    place = f'enter = ["env"]\nrunner = ["{sys.executable}"]\nfiles = "{tmp_path}/files"\n'
    path = config(tmp_path, agent=agent, rest=f'[places.worker1]\n{place}[places.worker2]\nenter = ["false"]\n')
    done = threadline("check", "--offline", "-c", path, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[2].startswith("ok       places.worker1: worker1: the runner answers, with Python 3.")
    assert lines[3].startswith("ok       places.worker1: ")
    assert lines[4].startswith("ok       agents.default at worker1: ")
    assert lines[5].startswith("FAILED   places.worker2: worker2: cannot be reached: its client ended with 1; ")
    assert (done.returncode, len(lines)) == (1, 6)


def test_check_names_all_that_is_wrong_in_one_run(tmp_path: Path) -> None:
    """Discord and the other agents are checked despite a missing agent."""
    with closed_endpoint() as endpoint:
        rest = f"""\
[agents.other]
command = "{sys.executable}"
args = ["-m", "loopback.agent"]
cwd = "{tmp_path}/project"
[agents.wide]
command = "{sys.executable}"
cwd = "{tmp_path}"
[channels.7]
agent = "none"
[discord]
token = "{TOKEN}"
endpoint = "{endpoint}"
"""
        done = threadline("check", "-c", config(tmp_path, agent='command = "no-such-agent"', rest=rest), cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (1, "")
    wrong = [line for line in lines if line.startswith("FAILED")]
    subjects = ["token", "agents.default", "agents.wide", "channels.7"]
    assert sorted(line.split()[1].removesuffix(":") for line in wrong) == sorted(subjects)
    assert 'threadline.toml:2: [agents.default] command: the command "no-such-agent" was not found' in done.stdout
    assert "ok       agents.other: asks before it acts: yes, in mode default" in lines
    assert not [line for line in lines if line.startswith("ok       agents.wide")]


def test_variables_beside_the_configuration_are_used_and_must_be_ones_own(tmp_path: Path) -> None:
    """The environment wins; a file that others may read is refused, without its secret in the message."""
    path = config(tmp_path, rest='[journal]\npath = "${NAMED_BESIDE}"\n')
    beside = tmp_path / "threadline.env"
    beside.touch(mode=0o600)
    beside.write_text(f"NAMED_BESIDE=a.db\nOTHER={TOKEN}\n")
    assert threadline("check", "--offline", "-c", path, cwd=tmp_path).returncode == 0
    beside.chmod(0o644)
    assert_one_line(
        threadline("check", "-c", path, cwd=tmp_path), 2, "threadline.env: other accounts can read this file"
    )


@pytest.mark.parametrize(
    ("script", "parts"),
    [
        ("read line; echo cannot find my key >&2; exit 3", ["exit code 3", "cannot find my key"]),
        ("read line; kill -9 $$", ["signal 9"]),
        ("echo welcome; read line; exit 0", ["exit code 0", "gets wrong: ", "welcome"]),
        (r"read line; printf %b red\\033[31m >&2; exit 1", [r"red\u{1b}[31m"]),
    ],
)
def test_check_says_why_an_agent_does_not_start(tmp_path: Path, script: str, parts: list[str]) -> None:
    """Its exit code and last words; exit code 1."""
    path = config(tmp_path, agent=f"command = 'sh'\nargs = ['-c', '{script}']")
    done = threadline("check", "--offline", "-c", path, cwd=tmp_path)
    assert done.returncode == 1
    assert "FAILED   agents.default: " in done.stdout
    assert all(part in done.stdout for part in parts), done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_help_and_version_need_no_configuration(tmp_path: Path) -> None:
    """Help describes each command."""
    shown = threadline("--help", cwd=tmp_path, COLUMNS="80")
    assert all(f"\n  {command} " in shown.stdout for command in ("run", "check", "demo"))
    assert "..." not in shown.stdout.partition("Commands:")[2]
    assert interpreted("-m", "bot", "--version", cwd=tmp_path).stdout.startswith("threadline, version ")
    assert threadline("nonsense", cwd=tmp_path).returncode == 2


def test_a_command_that_needs_no_discord_does_not_wait_for_its_library(tmp_path: Path) -> None:
    """Its import takes longer than all the others."""
    lines = (
        "import sys, click",
        "from bot.cli import main",
        "context = click.Context(main)",
        "for name in sys.argv[1:]: assert main.get_command(context, name) is not None",
        "print(sorted({'aiohttp', 'discord'} & set(sys.modules)))",
    )
    commands = ("demo", "doctor", "login", "migrate", "report", "run", "runner", "service")
    done = interpreted("-c", "\n".join(lines), *commands, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_help_imports_no_command_and_has_the_words_of_each(tmp_path: Path) -> None:
    """A person waits for it; the commands' own imports take ten times as long."""
    lines = (
        "import atexit, sys",
        "from bot.cli import main",
        "slow = {'acp', 'aiohttp', 'asyncio', 'pydantic'}",
        "atexit.register(lambda: print(*sorted(slow & set(sys.modules)), file=sys.stderr))",
        "main()",
    )
    done = interpreted("-c", "\n".join(lines), "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "\n")
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert command.help == getattr(options, name.upper())


def test_a_configuration_that_is_found_elsewhere_is_named(tmp_path: Path) -> None:
    """By the variable, or in XDG's place; in the working directory it goes without saying."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / "threadline", elsewhere):
        folder.mkdir(parents=True)
    xdg = config(home / "threadline")
    found = threadline("service", cwd=elsewhere, XDG_CONFIG_HOME=str(home))
    assert (found.returncode, found.stderr) == (0, f"threadline: using {xdg}\n")
    assert f"run -c {xdg}" in found.stdout
    named = config(tmp_path)
    found = threadline("service", cwd=elsewhere, XDG_CONFIG_HOME=str(home), THREADLINE_CONFIG=str(named))
    assert (found.returncode, found.stderr) == (0, f"threadline: using {named}\n")
    missing = threadline("service", cwd=tmp_path, THREADLINE_CONFIG="/no/such.toml")
    assert_one_line(missing, 2, "THREADLINE_CONFIG=/no/such.toml: there is no such file")
    assert threadline("service", cwd=tmp_path).stderr == ""


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["doctor", "defalt"], 'there is no agent "defalt" in the configuration; did you mean default?'),
        (["login", "claude"], 'there is no agent "claude" in the configuration; choose one of: default'),
        (["report", "--no-agents", "-o", "/no/such/folder/r.md"], "cannot be written: No such file"),
        (["demo", "--agent", "clade"], '--agent: "clade" was not found on PATH; did you mean claude?'),
        (["demo", "--agent", "it's"], "--agent: No closing quotation in it's"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(tmp_path: Path, args: list[str], words: str) -> None:
    """Another start with the same arguments would fail too."""
    config(tmp_path)
    assert_one_line(threadline(*args, cwd=tmp_path), 2, words)


@pytest.mark.parametrize(("argv", "code"), [(("login", "far"), 1), (("doctor", "far"), 1), (("doctor", "--json"), 0)])
def test_an_agent_of_another_machine_is_not_looked_for_here(tmp_path: Path, argv: tuple[str, ...], code: int) -> None:
    """Neither to log in nor to be examined; the line says where it runs."""
    rest = '[places.worker1]\nhost = "worker1"\n[agents.far]\ncommand = "far"\ncwd = "/srv/x"\nplaces = ["worker1"]'
    done = threadline(*argv, "-c", config(tmp_path, rest=rest), cwd=tmp_path)
    assert 'the agent "far" runs on worker1, not on this machine' in done.stderr
    assert done.returncode == code
