"""The network as a list of hosts: how srt is started around the sandbox, and, if installed, what it lets out."""

import asyncio
import json
import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from acp import SpawnFailed
from acp.errors import StartProblem
from acp.process import srt
from acp.process.agent_process import AgentProcess
from acp.process.sandbox import Facts, Sandbox, argv, enter, look_now
from tests.acp.child_processes import PATIENCE, RUN, SLEEPER, Child, gone, launch
from tests.acp.process.sandboxed_ground import SYSTEM_ENV, Ground

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
needs_srt = pytest.mark.skipif(
    any(shutil.which(name) is None for name in (srt.PROGRAM, *srt.NEEDED)), reason="srt is not installed with its parts"
)

pytestmark = pytest.mark.real_time

PROGRAMS = {"bwrap": "/opt/bwrap", "socat": "/opt/socat", "rg": "/opt/rg"}


# ---- how it is started


def test_the_settings_have_the_hosts_and_leave_the_files_to_bubblewrap() -> None:
    """And the programs by their paths, so that none is looked for."""
    found = json.loads(srt.settings(["a.example", "*.b.example:443"], PROGRAMS))
    assert found["network"]["allowedDomains"] == ["a.example", "*.b.example:443"]
    assert found["filesystem"]["disabled"] is True
    assert [found["bwrapPath"], found["socatPath"], found["ripgrep"]["command"]] == [*PROGRAMS.values()]


def test_bubblewraps_line_follows_that_of_srt() -> None:
    """A network namespace of its own is srt's work, so bubblewrap makes none."""
    around = srt.around("/opt/srt", Path("/state/a.json"), "/opt/bwrap", is_root=False)
    facts = Facts("/opt/bwrap", Path("/project"), around=around)
    line = argv(Sandbox(network=srt.Hosts(("a.example",), Path("/state/a.json"))), facts)
    assert line[:5] == ("/opt/srt", "--settings", "/state/a.json", "--", "/opt/bwrap")
    assert "--unshare-net" not in line
    assert line[line.index("NO_PROXY") + 1] == "localhost,127.0.0.1,::1"


def test_root_gives_up_its_rights_before_srt() -> None:
    """In a user namespace of which it is not the root."""
    line = srt.around("/opt/srt", Path("/state/a.json"), "/opt/bwrap", is_root=True)
    assert line[0] == "/opt/bwrap"
    assert line[line.index("--uid") + 1] != "0"
    assert line[-4:] == ("/opt/srt", "--settings", "/state/a.json", "--")


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("api.example.org", "localhost,127.0.0.1,::1"),
        ("127.0.0.2:8080", "localhost,127.0.0.1,::1"),
        ("localhost:8080", "127.0.0.1,::1"),
        ("127.0.0.1", "localhost,::1"),
        ("[::1]:8080", "localhost,127.0.0.1"),
    ],
)
def test_a_loopback_name_in_the_list_is_reached_through_the_proxy(host: str, direct: str) -> None:
    """The others are those of the sandbox's own loopback."""
    assert srt.variables([host])[2] == direct


def fakes(folder: Path, monkeypatch: pytest.MonkeyPatch, srt_does: str = "shift 3\n") -> None:
    """Put programs into a directory of PATH: an srt that starts what it is told to, and what it needs."""
    programs = folder / "fakes"
    programs.mkdir()
    for name in (srt.PROGRAM, "socat", "rg"):
        (programs / name).write_text(f'#!/bin/sh\n{srt_does}exec "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")


@needs_bwrap
def test_a_program_starts_in_both(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are in a file, the variables are corrected inside, and a repository is protected as without it."""
    ground.git("init")
    fakes(ground.folder, monkeypatch, 'grep -q a.example "$2" || exit 5\nexport JAVA_TOOL_OPTIONS=x\nshift 3\n')
    box = Sandbox(network=srt.Hosts(("a.example",), ground.folder / "state" / "box.json"))
    said = ground.run("echo $NO_PROXY $JAVA_TOOL_OPTIONS; touch .git/hooks/x 2>/dev/null || echo closed", box)
    assert said == "localhost,127.0.0.1,::1\nclosed\n0"


@needs_bwrap
def test_variables_of_the_agent_count_inside_only(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Srt runs outside, and Node, the shell and the loader would run what the agent has written."""
    fakes(ground.folder, monkeypatch, 'env > "$2.seen"\nshift 3\n')
    box = Sandbox(network=srt.Hosts(("a.example",), ground.folder / "state" / "box.json"))
    wanted = {"NODE_OPTIONS": "--require /x", "BASH_ENV": "/x", "LD_PRELOAD": "/x.so", "KEY": 'it\'s a "$1" key\n'}
    said = ground.run("env; echo $PATH; command -v sh", box, PATH="/bin:/usr/bin", https_proxy="http://evil", **wanted)
    assert all(f"{name}={value}\n" in said for name, value in wanted.items())
    assert "THREADLINE_VARIABLE" not in said
    assert "evil" not in said
    assert "/bin:/usr/bin\n/bin/sh\n" in said
    seen = (ground.folder / "state" / "box.json.seen").read_text()
    assert not [name for name in wanted if f"\n{name}=" in f"\n{seen}"]
    assert f"PATH={os.environ['PATH']}\n" in seen
    facts = look_now(box, ground.cwd, SYSTEM_ENV)
    assert not any("it's a" in word for word in enter(box, facts, ("true",), wanted).argv)  # Everybody can read a line.


@pytest.mark.parametrize("missing", ["srt", "socat", "rg"])
def test_a_missing_program_keeps_an_agent_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """It is named."""
    fakes(tmp_path, monkeypatch)
    (tmp_path / "fakes" / "bwrap").symlink_to(sys.executable)
    (tmp_path / "fakes" / missing).unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "fakes"))
    (tmp_path / "project").mkdir()
    with pytest.raises(SpawnFailed) as failed:
        look_now(Sandbox(network=srt.Hosts(("a.example",), tmp_path / "box.json")), tmp_path / "project", SYSTEM_ENV)
    assert (failed.value.problem, failed.value.path) == (StartProblem.SANDBOX_MISSING, missing)


@needs_bwrap
def test_settings_that_cannot_be_written_keep_an_agent_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would run with those of before, or with none."""
    fakes(tmp_path, monkeypatch)
    (tmp_path / "file").touch()
    (tmp_path / "project").mkdir()
    box = Sandbox(network=srt.Hosts(("a.example",), tmp_path / "file" / "box.json"))
    with pytest.raises(SpawnFailed) as failed:
        look_now(box, tmp_path / "project", SYSTEM_ENV)
    assert failed.value.problem is StartProblem.SANDBOX_PATH


# ---- what it lets out


class _Greeting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Greet."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"GREETING")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def server(address: str) -> Iterator[int]:
    """Serve a greeting at an address of this machine; the port is returned."""
    with ThreadingHTTPServer((address, 0), _Greeting) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving.server_address[1]
        serving.shutdown()


GET = """
import sys, urllib.request
for url in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(url, timeout=10).read().decode())
    except Exception as error:
        print("refused")
"""
"""Gets pages through the proxy that the environment names, like most programs."""

DIRECT = """
import socket, sys
for address in sys.argv[1:]:
    host, _, port = address.partition(":")
    try:
        with socket.socket(socket.AF_INET if port else socket.AF_UNIX) as wire:
            wire.settimeout(5)
            wire.connect((host, int(port)) if port else chr(0) + address)
        print("connected")
    except OSError:
        print("refused")
"""
"""Connects to addresses by itself; one without a port is that of an abstract socket."""


def inside(ground: Ground, code: str, *args: str, hosts: tuple[str, ...]) -> list[str]:
    """Run Python in a sandbox with these hosts; return the lines of its output, and the exit status last."""
    ground.file("project/code.py", code)
    box = Sandbox(network=srt.Hosts(hosts, ground.folder / "state" / "box.json"))
    return ground.run(f"/usr/bin/python3 -I code.py {' '.join(args)}", box).splitlines()


@needs_srt
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="there is no Python among the system's programs")
class TestWithTheRealOne:
    """The network attacks, from inside."""

    def test_a_listed_server_of_this_machine_is_reached_and_no_other(self, ground: Ground) -> None:
        """Not another port of the same address either, nor a name that leads there."""
        with server("127.0.0.2") as listed, server("127.0.0.2") as other:
            urls = [f"http://127.0.0.2:{listed}/", f"http://127.0.0.2:{other}/", f"http://localhost:{other}/"]
            said = inside(ground, GET, *urls, "http://example.org/", hosts=(f"127.0.0.2:{listed}",))
        assert said == ["GREETING", "refused", "refused", "refused", "0"]

    def test_no_port_is_reached_without_the_proxy(self, ground: Ground) -> None:
        """Not even the listed one: the sandbox has a network of its own."""
        with server("127.0.0.1") as port, socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind(f"\0threadline-{os.getpid()}-{port}")
            abstract.listen()
            addresses = [f"127.0.0.1:{port}", f"0.0.0.0:{port}", f"threadline-{os.getpid()}-{port}"]
            said = inside(ground, DIRECT, *addresses, hosts=(f"127.0.0.1:{port}",))
        assert said == ["refused", "refused", "refused", "0"]

    def test_localhost_in_the_list_is_reached_by_that_name(self, ground: Ground) -> None:
        """For a model on this machine, where the agent serves itself at 127.0.0.1."""
        with server("127.0.0.1") as port:
            urls = [f"http://localhost:{port}/", f"http://127.0.0.1:{port}/"]
            said = inside(ground, GET, *urls, hosts=(f"localhost:{port}",))
        assert said == ["GREETING", "refused", "0"]

    async def test_no_process_outlives_the_stop(self, tmp_path: Path) -> None:
        """Neither srt's nor one of the agent that is deaf and has a session of its own."""
        deaf = f"import signal; signal.signal(15, 1); print(flush=True); {SLEEPER}"
        code = f"""
subprocess.Popen([sys.executable, "-c", {deaf!r}], start_new_session=True, stdout=subprocess.PIPE).stdout.read(1)
signal.signal(15, 1)
say("ready")
hang()
"""
        box = Sandbox(network=srt.Hosts(("a.example",), tmp_path / "box.json"))
        child = Child(await AgentProcess.spawn(replace(launch(code, tmp_path), sandbox=box), f"{RUN}/srt"))
        child.attach()
        await child.said("ready")
        processes = [psutil.Process(child.process.pid), *psutil.Process(child.process.pid).children(recursive=True)]
        assert len([each for each in processes if "python" in each.name()]) == 2
        async with asyncio.timeout(PATIENCE):
            await child.process.stop()
        for each in processes:
            await gone(each.pid)

    def test_files_and_processes_are_as_without_it(self, ground: Ground) -> None:
        """The system is read-only, nothing else is there, and the process table is its own."""
        ground.file("outside/secret", "SECRET")
        box = Sandbox(network=srt.Hosts(("a.example",), ground.folder / "state" / "box.json"))
        said = ground.run(
            f"cat {ground.outside}/secret {ground.folder}/state/box.json; touch /usr/x; echo mine > mine && cat mine;"
            " grep CapEff /proc/self/status; echo /proc/[0-9]*",
            box,
        )
        assert "SECRET" not in said
        assert "a.example" not in said
        assert said.endswith(f"mine\nCapEff:\t{'0' * 16}\n/proc/1 /proc/2\n0")
        assert said.count("No such file") == 2
        assert "Read-only" in said
