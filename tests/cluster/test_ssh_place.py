"""Places behind a real SSH server: pinned keys, a key that starts nothing but the runner, and many starts at once."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acp import CloseReason, PlaceUnreachable, environment
from acp.agent_transport import AgentTransport
from acp.errors import AgentClosed
from acp.places import runner
from acp.places.engine import Engine
from acp.places.far_place import FarPlace
from tests.acp.child_processes import PATIENCE, RUN, gone, launch, listen
from tests.cluster.client import ran
from tests.cluster.ssh_server import SSHD, SshServer, ssh_server

pytestmark = pytest.mark.real_time

READER = "sys.stdin.read()"
"""Code of an agent that ends with its input."""

MANY = 24


def place(server: SshServer, *options: str, python: Sequence[str] = (sys.executable,)) -> FarPlace:
    """Return the machine as a place."""
    engine = Engine(host=server.name, host_options=(*options, *server.options), runner=tuple(python))
    return FarPlace(server.name, engine, RUN, run="", env=environment(os.environ, inherit=(), env={}), keep_alive=6)


@asynccontextmanager
async def started(far: FarPlace, code: str, folder: Path, number: int = 1) -> AsyncIterator[AgentTransport]:
    """Run an agent for the block."""
    agent = await far.start(launch(code, folder), f"{RUN}-ssh/{number}")
    try:
        yield agent
    finally:
        await agent.stop()


async def test_a_host_whose_key_is_not_pinned_is_refused(worker1: SshServer, tmp_path: Path) -> None:
    """Nothing is asked, and nothing is remembered."""
    known = tmp_path / "known_hosts"
    known.write_text("")
    with pytest.raises(PlaceUnreachable, match=r"Host key verification failed|host key is known"):
        await place(worker1, "-o", f"UserKnownHostsFile={known}").hello()
    assert known.read_text() == ""


async def test_an_account_that_accepts_no_key_is_told(worker1: SshServer) -> None:
    """No password is asked for."""
    with pytest.raises(PlaceUnreachable, match="Permission denied"):
        await place(worker1, "-o", "PubkeyAuthentication=no").hello()


async def test_a_machine_that_does_not_answer_is_told(worker1: SshServer) -> None:
    """With the words of ssh."""
    with pytest.raises(PlaceUnreachable, match="Connection refused"):
        await place(worker1, "-o", "Port=1").hello()


async def test_many_starts_at_once_all_succeed(worker1: SshServer, tmp_path: Path) -> None:
    """A server takes ten connections that have not authenticated yet, and refuses some of more."""
    far = place(worker1)
    starts = [far.start(launch(READER, tmp_path), f"{RUN}-ssh/{number}") for number in range(MANY)]
    async with asyncio.timeout(PATIENCE * 3):
        agents = await asyncio.gather(*starts)
    await asyncio.gather(*(agent.stop() for agent in agents))


async def test_a_cut_connection_is_a_lost_link_and_its_agent_ends_there(worker1: SshServer, tmp_path: Path) -> None:
    """The place is named; what ssh exits with is not believed."""
    async with started(place(worker1), "say('pid', os.getpid()); hang()", tmp_path) as agent:
        child = listen(agent)
        pid = await child.said("pid")
        worker1.cut()
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert (error.reason, error.place) == (CloseReason.LINK_LOST, worker1.name)
        await gone(pid)


# ---- a key that starts nothing but the runner


@pytest.fixture(name="restricted")
def _restricted(tmp_path: Path) -> Iterator[SshServer]:
    """Run a machine as docs/machines.md sets it up: the runner is a file there, and the only command of the key."""
    if SSHD is None:
        pytest.skip("no sshd here: install Debian's openssh-server to run the tests over SSH")
    file = tmp_path / "runner.py"
    file.write_text(Path(runner.__file__).read_text())
    with ssh_server("restricted", tmp_path / "sshd", forced=f"{sys.executable} -I {file}") as server:
        yield server


async def test_a_key_with_a_forced_command_serves_a_place_in_all_that_it_needs(
    restricted: SshServer, tmp_path: Path
) -> None:
    """What is to be done is not in the command: agents start, commands run, files go and come, and all is ended."""
    far = place(restricted, python=("no-such-python",))
    assert (await far.hello()).version == runner.VERSION
    async with started(far, "say('cwd', os.getcwd()); sys.stdin.read()", tmp_path) as agent:
        assert await listen(agent).said("cwd") == str(tmp_path)
        assert (await far.run(["cat"], cwd=tmp_path, stdin=b"text")).output == b"text"
        await far.put(b"data", tmp_path / "folder" / "file")
        assert await far.get(tmp_path / "folder" / "file", [tmp_path], max_size=10) == b"data"
        assert await far.reap(f"{RUN}-ssh/") == 1
    assert await far.reap(f"{RUN}-ssh/") == 0


async def test_a_key_with_a_forced_command_starts_nothing_else(restricted: SshServer, tmp_path: Path) -> None:
    """Whatever it is asked for, the runner waits for its header; and it forwards no port."""
    planted = tmp_path / "planted"
    status, out, err = await ran("ssh", *restricted.options, restricted.name, f"touch {planted}", stdin=b"")
    assert (status, out) == (1, "")
    assert "no header" in err
    assert not planted.exists()
    status, _, err = await ran("ssh", *restricted.options, "-W", "127.0.0.1:22", restricted.name, stdin=b"")
    assert status != 0
    assert "administratively prohibited" in err
