"""The tries to break out of a sandbox: they fail in one that holds, and each finds the hole that it is for."""

import asyncio
import base64
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from acp.process import autorun, sandbox
from acp.process.srt import Hosts
from bot.agents.breakout import PYTHON, SCRIPT, try_breakout
from bot.agents.breakout_script import proxied
from bot.agents.decoys import lay_decoys
from bot.agents.inside import run_inside
from bot.agents.probe_result import Outcome, SandboxReport
from bot.config.load import read_config
from bot.config.schema import Config
from bot.user_messages.sandbox import BREAKOUTS
from tests.support.fork_server import run

from .configured_agent import BOUND, TOKEN, configured, running

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

ROOT = Path(__file__).parents[3]
ABOUT_NETWORK = {"ports", "network"}


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)


def config(folder: Path, more: str = "", *, network: str = "none") -> Config:
    """Write and read a configuration whose agent, a shell, has a sandbox."""
    (folder / "project/.git/hooks").mkdir(parents=True, exist_ok=True)
    text = f'command = "sh"\n[agents.default.sandbox]\nengine = "bwrap"\nnetwork = "{network}"\n{more}'
    return read_config(configured(folder, f'{text}\n[journal]\npath = "state/threadline.db"'))


async def tried(found: Config) -> SandboxReport:
    """Make the tries, and return what is found."""
    report = await try_breakout(found, found.agents.default)
    assert report is not None
    return report


def reasons(report: SandboxReport) -> dict[str, tuple[str, ...]]:
    """The tries that did not pass, with what was reached."""
    return {name: each.reached for name, each in report.tries.items() if each.result is not Outcome.PASSED}


async def test_every_try_fails_in_a_sandbox_without_a_network(tmp_path: Path) -> None:
    """So it holds, and the agent need not be asked about what it does."""
    report = await tried(config(tmp_path))
    assert (report.failure, reasons(report)) == ("", {})
    assert list(report.tries) == list(BREAKOUTS)
    assert report.holds
    assert 'permission = "allow_all" is advised' in report.lines[-1]


async def test_the_ports_of_this_machine_are_found_open_with_the_whole_network(tmp_path: Path) -> None:
    """That is as configured, so the sandbox has not failed; but the agent is better asked."""
    report = await tried(config(tmp_path, network="all"))
    assert set(reasons(report)) <= ABOUT_NETWORK
    assert any("port" in each for each in reasons(report)["ports"])
    assert report.tries["ports"].result is Outcome.ALLOWED
    assert (report.holds, report.escaped) == (False, False)
    assert 'permission = "allow_all" is not advised' in report.lines[-1]


async def test_with_the_home_of_the_account_an_agent_is_better_asked(tmp_path: Path) -> None:
    """Its settings there count outside too."""
    report = await tried(config(tmp_path, 'state = "shared"'))
    assert (reasons(report), report.holds, report.escaped) == ({}, False, False)
    assert 'state = "shared"' in report.lines[-1]


async def test_without_a_sandbox_the_tries_succeed(tmp_path: Path) -> None:
    """So none of them fails for another reason than the sandbox."""
    found = config(tmp_path)
    async with lay_decoys(found, found.agents.default.launch()) as (files, targets):
        for each in files.sandbox.made:
            each.mkdir(parents=True, exist_ok=True)
        line = (sys.executable, "-I", "-S", str(SCRIPT))
        process = await asyncio.create_subprocess_exec(*line, stdin=PIPE, stdout=PIPE)
        out, _ = await process.communicate(json.dumps(targets).encode())
        assert files.outside in files.planted()
    reached = {each["try"]: each["reached"] for each in map(json.loads, out.splitlines())}
    assert list(reached) == list(BREAKOUTS)
    of_root = set() if os.geteuid() == 0 else {"secrets", "system", "privileges"}
    assert {name for name, each in reached.items() if not each} - of_root - {"network", "secrets"} == {"work"}
    assert {each.split()[0] for each in reached["hooks"]} == {"write", "replace"}
    assert {each.split()[0] for each in reached["processes"]} == {"see", "end"}


async def test_an_agent_without_a_sandbox_is_not_tried(tmp_path: Path) -> None:
    """It would succeed with everything."""
    found = read_config(configured(tmp_path, 'command = "sh"'))
    assert await try_breakout(found, found.agents.default) is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--unshare-pid"], {"processes"}),
        (["--unshare-net"], {"ports"}),
        pytest.param(
            ["--cap-drop", "ALL"],
            {"privileges"},
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to drop"),
        ),
    ],
)
async def test_a_part_that_is_missing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: set[str]
) -> None:
    """Each namespace and each right, where the engine is not told about it."""
    whole = sandbox.argv

    def weaker(*given: object) -> tuple[str, ...]:
        line = [*whole(*given)]  # type: ignore[arg-type]
        while words[0] in line:  # There may be a second sandbox inside the first.
            at = line.index(words[0])
            del line[at : at + len(words)]
        return tuple(line)

    monkeypatch.setattr(sandbox, "argv", weaker)
    found = set(reasons(await tried(config(tmp_path))))
    assert found - {"network"} == expected  # This machine may have no network itself.


@pytest.mark.parametrize(
    ("key", "path", "expected"),
    [
        ("read", "~", {"home"}),
        ("write", "state", {"system"}),
        ("write", "project/.git/hooks", {"hooks"}),
        ("write", "project/.vscode", set()),
    ],
)
async def test_a_directory_too_many_is_found(tmp_path: Path, key: str, path: str, expected: set[str]) -> None:
    """What the configuration shows. Settings that it names itself, other than git's, are the operator's wish."""
    for each in ("state", "project/.vscode"):
        (tmp_path / each).mkdir(parents=True)
    assert set(reasons(await tried(config(tmp_path, f'{key} = ["{path}"]')))) == expected


async def test_a_hook_that_can_be_written_or_replaced_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the agent's own repository."""
    hooks = str(tmp_path / "project/.git/hooks")
    whole = sandbox.argv

    def weaker(*given: object) -> tuple[str, ...]:
        line = [*whole(*given)]  # type: ignore[arg-type]
        at = line.index(hooks)
        return (*line[: at - 1], "--bind", *line[at:])

    monkeypatch.setattr(sandbox, "argv", weaker)
    assert f"write {hooks}" in reasons(await tried(config(tmp_path)))["hooks"]


@pytest.mark.parametrize(("answer", "reached"), [("200 OK", True), ("403 Forbidden", False)])
async def test_a_port_behind_a_proxy_is_found(monkeypatch: pytest.MonkeyPatch, answer: str, *, reached: bool) -> None:
    """With the name and the password of the variable, which may be encoded there."""
    asked: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.extend((await reader.readuntil(b"\r\n\r\n")).decode().splitlines())
        writer.write(f"HTTP/1.1 {answer}\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://us%3Der:w%20ord@localhost:{port}")
        assert await asyncio.to_thread(proxied, "127.0.0.1:8080") is reached
    login = base64.b64encode(b"us=er:w ord").decode()
    assert asked[0] == "CONNECT 127.0.0.1:8080 HTTP/1.1"
    assert f"Proxy-Authorization: Basic {login}" in asked


@pytest.mark.skipif(shutil.which("srt") is None, reason="srt is not installed")
async def test_a_port_in_the_list_of_hosts_is_found_and_another_is_not(tmp_path: Path) -> None:
    """Through srt's own proxy, so that a try that fails there has been refused, not misunderstood."""
    code = SCRIPT.read_text().replace("main(json.load(sys.stdin))", "print([*map(proxied, sys.argv[1:])])")
    async with (
        await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as listed,
        await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as other,
    ):
        addresses = [f"127.0.0.1:{each.sockets[0].getsockname()[1]}" for each in (listed, other)]
        box = sandbox.Sandbox(
            network=Hosts((addresses[0],), tmp_path / "state" / "box.srt.json"), readable=(Path(sys.base_prefix),)
        )
        (tmp_path / "project").mkdir()
        env = {"PATH": os.environ["PATH"], "HOME": "/"}
        args = ("-I", "-S", "-c", code, *addresses)
        ended = await run_inside(box, PYTHON, args, cwd=tmp_path / "project", env=env)
    assert (ended.output, ended.stderr) == (b"[True, False]\n", ())


@pytest.mark.parametrize(
    ("network", "permission", "level"),
    [("none", "allow_all", "ok"), ("all", "ask", "ok"), ("all", "allow_all", "warning")],
)
def test_the_check_prints_each_try_and_what_follows(tmp_path: Path, network: str, permission: str, level: str) -> None:
    """A warning where an agent may do everything, and the network is open."""
    box = f'[agents.default.sandbox]\nengine = "bwrap"\nnetwork = "{network}"\nread = ["{ROOT}"]'
    more = f'permission = "{permission}"\n{box}\n[journal]\npath = "state/threadline.db"'
    path = running(tmp_path, "-m", "loopback.agent", more=more)
    done = run("check", "--offline", "-c", path, cwd=tmp_path, env=dict(os.environ), timeout=BOUND)
    lines = [line for line in done.stdout.splitlines() if "agents.default.sandbox" in line]
    assert (done.returncode, {line.split()[0] for line in lines}) == (0, {level})
    assert lines[0].endswith(f": bwrap, network: {network}")
    assert len(lines) == len(BREAKOUTS) + 2
    assert any(line.endswith("cannot read files of the home directory: pass") for line in lines)
    assert ("is advised" in lines[-1]) is (network == "none")


async def test_nothing_is_left_of_the_tries(tmp_path: Path) -> None:
    """No file in the home directory, in that for temporary files, or in the journal's folder."""
    places = [Path.home(), Path(tempfile.gettempdir()), tmp_path]
    await tried(config(tmp_path))
    assert [path for each in places for path in each.glob("*threadline-probe-*")] == []
    assert not (tmp_path / "state" / "threadline.attachments").exists()


async def test_without_bubblewrap_the_report_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sandbox that cannot be made has not held."""
    found = config(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    report = await tried(found)
    assert "bubblewrap" in report.failure
    assert report.escaped


def test_the_page_names_all_that_runs_by_itself_and_all_that_is_tried() -> None:
    """Each protected name, and a row for each promise."""
    page = (ROOT / "docs" / "sandbox.md").read_text()
    assert {name for name in autorun.NAMES if f"`{name}`" not in page} == set()
    assert page.partition("| try | how |\n|---|---|\n")[2].partition("\n\n")[0].count("\n") + 1 == len(BREAKOUTS)


async def test_a_home_that_cannot_be_written_is_tried_by_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under service managers that protect it, or without one."""
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    report = await tried(config(tmp_path))
    assert (report.failure, reasons(report)) == ("", {})
