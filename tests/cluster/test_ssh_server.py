"""The SSH servers of the tests: what other tests of SSH rely on."""

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.cluster.client import client, line, ran
from tests.cluster.daemon import BOUND, end, runs
from tests.cluster.ssh_server import SshServer, ssh_server

pytestmark = [pytest.mark.real_time, pytest.mark.usefixtures("worker1")]


def to(server: SshServer, *command: str, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the client's argv that runs a command on a machine."""
    return ("ssh", "-T", *more, *server.options, server.name, *command)


async def test_two_machines_answer_each_with_its_own_key(worker1: SshServer, worker2: SshServer) -> None:
    """A command's output comes back, and the key of one machine does not open the other."""
    assert await ran(*to(worker1, "echo", "one")) == (0, "one\n", "")
    assert await ran(*to(worker2, "echo", "two")) == (0, "two\n", "")
    there = ("-o", f"Port={worker1.port}", "-o", "StrictHostKeyChecking=no")
    status, _, err = await ran(*to(worker2, "true", more=there))
    assert status == 255
    assert "Permission denied (publickey)" in err


async def test_a_machine_with_another_host_key_is_not_believed(worker1: SshServer, worker2: SshServer) -> None:
    """The pinned host key is checked before anything is said."""
    there = ("-o", f"Port={worker2.port}")
    status, out, err = await ran(*to(worker1, "echo", "secret", more=there))
    assert (status, out) == (255, "")
    assert "Host key verification failed" in err


async def test_a_forced_command_is_all_that_a_client_can_run(tmp_path: Path) -> None:
    """Whatever the client asks for, the forced command runs, and nothing is forwarded."""
    with ssh_server("forced", tmp_path / "forced", forced='echo "only $SSH_ORIGINAL_COMMAND"') as server:
        assert await ran(*to(server, "echo", "other")) == (0, "only echo other\n", "")
        forward = ("-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1")
        status, _, err = await ran(*to(server, more=forward))
        assert status == 255
        assert "forwarding failed" in err


async def test_a_connection_is_cut_and_a_machine_dies_and_comes_back(tmp_path: Path) -> None:
    """A killed connection ends the client; a dead machine takes along what runs there, and keeps its port."""
    with ssh_server("fragile", tmp_path / "fragile") as server:
        async with client(*to(server, "echo here; exec cat")) as first, asyncio.timeout(BOUND):
            assert await line(first) == "here"
            server.cut()
            assert await first.wait() == 255
        async with client(*to(server, "echo $$; exec sleep 600")) as second, asyncio.timeout(BOUND):
            process = psutil.Process(int(await line(second)))
            before = server.port
            server.die()
            assert await second.wait() == 255
        assert not runs(process)
        status, _, err = await ran(*to(server, "true"))
        assert status == 255
        assert "Connection refused" in err
        server.start()
        assert server.port == before
        assert await ran(*to(server, "echo", "again")) == (0, "again\n", "")


async def test_a_machine_that_is_cut_off_keeps_what_runs_and_is_reached_again(tmp_path: Path) -> None:
    """Connections end, others are refused until it listens again. Its commands have a home directory of its own."""
    with ssh_server("far", tmp_path / "far", home=tmp_path) as server:
        async with client(*to(server, 'echo $$ "$HOME"; exec sleep 600')) as process, asyncio.timeout(BOUND):
            pid, home = (await line(process)).split()
            (command,) = server.commands()
            assert (command.pid, home) == (int(pid), str(tmp_path))
            server.cut_off()
            assert await process.wait() == 255
        assert runs(command)
        end([command])
        assert (await ran(*to(server, "true")))[0] == 255
        server.start()
        assert await ran(*to(server, "echo", "again")) == (0, "again\n", "")


async def test_a_frozen_connection_is_open_and_silent(tmp_path: Path) -> None:
    """Only a client that asks whether the other end lives notices it."""
    asking = ("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1")
    with ssh_server("frozen", tmp_path / "frozen") as server:
        async with client(*to(server, "echo here; exec cat", more=asking)) as process, asyncio.timeout(BOUND):
            assert process.stderr is not None
            assert await line(process) == "here"
            server.freeze()
            assert b"not responding" in await process.stderr.readline()
            assert await process.wait() == 255
