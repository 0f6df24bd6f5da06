"""The login command: which program runs, with which environment, where, and with the terminal."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from acp.process.environment import BASE_NAMES
from acp.process.sandbox import Sandbox
from bot.agents.login import LoginFailed, TerminalLogin
from tests.support import fork_server as forked

from .configured_agent import BOUND, TOKEN, configured, odd, on_terminal

THREADLINE = Path(sys.executable).with_name("threadline")
"""How a test's own interpreter would call the program."""

TELLS = """\
import json, os, sys
told = {"args": sys.argv[1:], "cwd": os.getcwd(), "names": sorted(os.environ), "terminal": os.isatty(0)}
print("TOLD", json.dumps(told), flush=True)
print("HEARD", sys.stdin.readline().strip(), flush=True)
sys.exit(5)
"""
"""A login program that prints its arguments and environment, and reads one line."""


def program(folder: Path, name: str) -> Path:
    """Install a login program with this name."""
    code = folder / f"{name}.py"
    code.write_text(TELLS)
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{code}" "$@"\n')
    path.chmod(0o755)
    return path


def command(path: Path, *args: str) -> list[str]:
    """Return the command line of the login."""
    return [sys.executable, "-m", "bot", "login", "-c", str(path), *args]


def environ(folder: Path) -> dict[str, str]:
    """Return the operator's environment, with the folder's programs on PATH."""
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "DISCORD_TOKEN": TOKEN, "PATH": path, "TERM": "xterm", "SECRET": "1"}


def run(path: Path, *args: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run it with `typed` on its stdin."""
    env = environ(path.parent)
    return forked.run("login", "-c", path, *args, cwd=path.parent, env=env, typed=typed, timeout=BOUND)


def told(output: str) -> dict[str, object]:
    """Return what the login program printed about itself."""
    (line,) = [line for line in output.splitlines() if line.startswith("TOLD ")]
    found: dict[str, object] = json.loads(line.removeprefix("TOLD "))
    return found


# ---- the preset's command


def test_the_presets_command_runs_with_the_bots_environment_in_its_directory(tmp_path: Path) -> None:
    """Of the operator's variables only the agent's and TERM; its exit code is ours."""
    program(tmp_path, "claude-agent-acp")
    path = configured(tmp_path, 'preset = "claude"\nenv = { OWN = "1" }\ninherit_env = ["SECRET"]')
    done = run(path, typed="a code\n")
    found = told(done.stdout)
    assert (found["args"], found["cwd"]) == (["--cli", "auth", "login"], str(tmp_path / "project"))
    assert isinstance(found["names"], list)
    # A shell adds PWD and such, and Python LC_CTYPE, each for itself.
    shell = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    assert {"OWN", "SECRET", "TERM", "PATH"} <= set(found["names"]) <= {"OWN", "SECRET", "TERM", *BASE_NAMES, *shell}
    assert "HEARD a code" in done.stdout
    assert done.returncode == 5


def test_the_operator_learns_what_runs_and_how_to_test_it_afterwards(tmp_path: Path) -> None:
    """Before the login has the terminal."""
    program(tmp_path, "kimi")
    first, second, *_ = run(configured(tmp_path, 'preset = "kimi"')).stdout.splitlines()
    assert first == "Running: kimi login"
    assert second == f"in {tmp_path}/project. To check the login afterwards: {THREADLINE} doctor default"


def test_the_login_has_the_terminal_to_itself(tmp_path: Path) -> None:
    """It may ask for a password, draw, and read keys."""
    program(tmp_path, "vibe-acp")
    path = configured(tmp_path, 'preset = "vibe"')
    shown, code = on_terminal(command(path), tmp_path, environ(tmp_path), b"my key\n")
    assert code == 5
    found = told(shown)
    assert (found["terminal"], found["args"]) == (True, ["--setup"])
    assert "HEARD my key" in shown


def test_the_configured_path_of_the_program_is_used(tmp_path: Path) -> None:
    """Not another program of that name on PATH."""
    (tmp_path / "project").mkdir()
    path = program(tmp_path / "project", "vibe-acp")
    done = run(configured(tmp_path, f'preset = "vibe"\ncommand = "./{path.name}"'))
    assert done.stdout.startswith("Running: ./vibe-acp --setup\n")
    assert told(done.stdout)["args"] == ["--setup"]


def test_a_login_program_that_is_not_installed_is_one_line(tmp_path: Path) -> None:
    """The adapter may be installed without it; the preset has the install command."""
    program(tmp_path, "codex-acp")
    done = run(configured(tmp_path, 'preset = "codex"'))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("threadline: the command 'codex' was not found. To install it: ")


# ---- what the agent itself names


def test_an_agents_terminal_login_is_the_same_program_with_its_arguments(tmp_path: Path) -> None:
    """Its arguments and variables are added to the configured ones (schema: AuthMethodTerminal)."""
    done = run(
        odd(tmp_path, "with-agent-login", "with-terminal-login", more='env = { HOW = "unknown" }'), typed="yes\n"
    )
    words = ["with-agent-login", "with-terminal-login", "--login", "now"]
    assert done.stdout.splitlines()[-1] == f"{words} in a terminal, in {tmp_path}/project, told yes"
    assert done.returncode == 3


def test_an_agent_that_is_started_by_another_program_is_asked(tmp_path: Path) -> None:
    """The preset's command would not fit a launcher."""
    done = run(odd(tmp_path, "with-terminal-login", more='preset = "claude"'), typed="yes\n")
    assert done.stdout.splitlines()[-1].endswith(f"in a terminal, in {tmp_path}/project, told yes")


def test_an_agent_that_logs_in_by_itself_is_told_to(tmp_path: Path) -> None:
    """By `authenticate`; its output during that is shown; then it is stopped."""
    done = run(odd(tmp_path, "with-agent-login"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "The agent logs in by itself (with-agent-login). Follow its instructions, if it prints any.",
        "visit http://127.0.0.1/device and type 1234",
        f"The agent has logged in. To check it: {THREADLINE} doctor default",
    ]


def scripted(folder: Path, *flags: str) -> Path:
    """Configure the scripted agent, which logs in by a page."""
    args = ["-m", "loopback.agent", "--login", str(folder / "login"), *flags]
    return configured(folder, f"command = {json.dumps(sys.executable)}\nargs = {json.dumps(args)}")


def test_the_page_of_a_login_is_printed_with_what_the_agent_says(tmp_path: Path) -> None:
    """The agent names it by an elicitation; there is nothing to type here."""
    done = run(scripted(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:3] == [
        "Sign in and enter this code: ABCD-1234",
        "Open: https://login.example/device",
    ]
    assert (tmp_path / "login").exists()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--login-url", "https://a.example@evil.example/"], "hides where it leads"),
        (["--login-way", "form"], "put it into threadline.env"),
    ],
)
def test_a_page_that_may_deceive_and_a_form_are_declined(tmp_path: Path, flags: list[str], reason: str) -> None:
    """The login fails with the reason, not with the agent's."""
    done = run(scripted(tmp_path, *flags))
    assert done.returncode == 1
    assert reason in done.stderr
    assert not (tmp_path / "login").exists()


def test_the_way_can_be_chosen(tmp_path: Path) -> None:
    """The default would be the one in a terminal."""
    path = odd(tmp_path, "with-terminal-login", "with-refused-login")
    done = run(path, "--method", "with-refused-login")
    assert done.returncode == 1
    assert (
        done.stderr == "threadline: The agent reported an error: will not do authenticate (authenticate, code -32603)\n"
    )


@pytest.mark.parametrize(
    ("words", "args", "reason"),
    [
        ([], [], "offers no login method. If it needs a key, pass one through inherit_env or env"),
        (["with-variable-login"], [], "(it offers: with-variable-login). Pass one of the variables ODD_KEY"),
        (
            ["with-variable-login"],
            ["--method", "with-variable-login"],
            "login method 'with-variable-login' does not work from here. Pass one of the variables ODD_KEY",
        ),
    ],
)
def test_where_there_is_no_way_it_says_what_there_is(
    tmp_path: Path, words: list[str], args: list[str], reason: str
) -> None:
    """One line, exit code 1."""
    done = run(odd(tmp_path, *words), *args)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert reason in line


@pytest.mark.parametrize(
    ("words", "method", "line"),
    [
        (["with-agent-login"], "nosuch", 'the agent has no login method "nosuch"; choose one of: with-agent-login'),
        (["with-agent-login"], "with-agnet-login", "did you mean with-agent-login?"),
        ([], "nosuch", "the agent offers no login method. If it needs a key, pass one through inherit_env or env"),
    ],
)
def test_an_unknown_way_is_a_usage_error_with_the_known_ones(
    tmp_path: Path, words: list[str], method: str, line: str
) -> None:
    """One line, exit code 2, as for an unknown agent."""
    done = run(odd(tmp_path, *words), "--method", method)
    assert (done.returncode, done.stdout) == (2, "")
    (said,) = done.stderr.splitlines()
    assert said.endswith(line)


def test_an_agent_that_does_not_start_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    """Its exit code and its last words."""
    done = run(configured(tmp_path, 'command = "sh"\nargs = ["-c", "read line; echo no such node >&2; exit 3"]'))
    assert done.returncode == 1
    assert "exit code 3" in done.stderr
    assert "no such node" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_agent_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """With the known names."""
    done = run(odd(tmp_path), "other")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'threadline: there is no agent "other" in the configuration; choose one of: default\n'


# ---- in a sandbox

LOGS_IN = """\
#!/bin/sh
[ -t 0 ] && echo terminal
echo "controlled by $(cut -d' ' -f7 /proc/self/stat)"
echo "args $*"
read key && echo "$key" > "$HOME/key" && echo "kept in $HOME"
cat "$(dirname "$0")/threadline.toml"
exit 5
"""


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_login_in_a_sandbox_fills_the_agents_own_home(tmp_path: Path) -> None:
    """It has the terminal, but not as the one that controls it: there it could type for the operator's shell."""
    (tmp_path / "vibe-acp").write_text(LOGS_IN)
    (tmp_path / "vibe-acp").chmod(0o755)
    box = '[agents.default.sandbox]\nengine = "bwrap"\n[journal]\npath = "threadline.db"'
    path = configured(tmp_path, f'preset = "vibe"\n{box}')
    line = ["setsid", "--ctty", "--wait", *command(path)]
    shown, code = on_terminal(line, tmp_path, environ(tmp_path), b"my key\n")
    home = tmp_path / "threadline.homes" / "default"
    for told in ("Running: vibe-acp --setup", "terminal", "controlled by 0", "args --setup", f"kept in {home}"):
        assert told in shown
    assert "[discord]" not in shown
    assert (home / "key").read_text() == "my key\n"
    assert code == 5


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_path_that_the_agent_names_shows_its_login_no_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its variables count inside only."""
    entered: list[Sequence[str]] = []

    def start(_program: str, line: Sequence[str], env: Mapping[str, str]) -> None:
        entered.append(line)
        assert env["PATH"] == str(tmp_path / "other")
        raise OSError(errno.EACCES, "enough")

    monkeypatch.setattr("os.execvpe", start)
    monkeypatch.chdir(tmp_path)
    for folder in ("project", "other"):
        (tmp_path / folder).mkdir()
    program(tmp_path / "other", "agent")
    own = {"PATH": os.environ["PATH"]}
    named = {"PATH": str(tmp_path / "other")}
    for name in ("agent", "sh"):
        login = TerminalLogin((name,), tmp_path / "project", own, Sandbox(), named)
        with pytest.raises(LoginFailed):
            login.become()
    (line,) = entered
    assert not any(str(tmp_path / "other") in word for word in line)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_login_whose_sandbox_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """It does not run without it."""
    program(tmp_path, "vibe-acp")
    (tmp_path / "files").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link").symlink_to(tmp_path / "files")
    box = f'[agents.default.sandbox]\nengine = "bwrap"\nread = ["{tmp_path}/project/link"]'
    done = run(configured(tmp_path, f'preset = "vibe"\n{box}'))
    (line,) = done.stderr.splitlines()
    assert line == (
        f"threadline: The agent could not start: its sandbox does not follow {tmp_path}/project/link: "
        "agents can change where this link leads."
    )
    assert done.returncode == 1
