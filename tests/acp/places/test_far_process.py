"""The near half of an agent at another place, with the far half behind local commands."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

import acp.connection
import acp.places.far_process
from acp import Agent, AgentClosed, CloseReason, Launch, PlaceUnreachable, SpawnFailed, StartProblem, Text
from acp.connection import UNREAD_ANSWERS
from acp.places import runner
from acp.places.far_commands import far_marker
from acp.places.far_process import FarProcess
from acp.process.pipes import READ_SIZE
from acp.schema import TextBlock
from tests.acp.child_processes import PATIENCE, gone
from tests.acp.places.far import FarChild, new_marker, running, start
from tests.acp.places.routes import SHORT_STEPS, environment, hurried, relayed, route
from tests.acp.places.wire import DEAF
from tests.support.virtual_time import step

pytestmark = pytest.mark.real_time

ROOT = Path(__file__).parents[3]

ALIVE = 1.5
"""A keep-alive, in seconds, where its end is what a test waits for."""


def no_reap() -> asyncio.Event:
    """Fail: the agent's end is certain without it."""
    pytest.fail("reap was called")


async def ended(child: FarChild) -> AgentClosed:
    """Wait until the connection is gone; return the reason."""
    error = await child.over()
    assert isinstance(error, AgentClosed)
    return error


# ---- the whole way


async def test_a_real_agent_at_another_place_answers_a_prompt_and_is_stopped() -> None:
    """Its connection knows nothing of the way."""
    scripted = Launch(sys.executable, ("-m", "loopback.agent"), ROOT, environment())
    far = await FarProcess.start(route("env"), scripted, new_marker(), reap=no_reap)
    agent = await Agent.start(far)
    session = await agent.new_session(ROOT)
    async with session.prompt([TextBlock(text="say hello\nsay world")]) as turn:
        said = "".join([event.text async for event in turn if isinstance(event, Text)])
    await agent.stop()
    assert said.split() == ["hello", "world"]
    assert isinstance(agent.connection.error, AgentClosed)
    assert (agent.connection.error.reason, agent.connection.error.exit_status) == (CloseReason.STOPPED, 0)


async def test_what_is_said_before_anybody_listens_is_not_lost(tmp_path: Path) -> None:
    """Nor the end of an agent that has ended by then."""
    async with running(route(), 'say("first"); say("second")', tmp_path, attach=False, reap=no_reap) as child:
        async with asyncio.timeout(PATIENCE):
            await child.process._over.wait()
        child.attach()
        assert (await ended(child)).exit_status == 0
        assert child.heard == ["first", "second"]


async def test_a_flood_before_anybody_listens_waits_in_the_pipe(tmp_path: Path) -> None:
    """What is kept here is hardly more than one read brings, and nothing is lost; nor does it keep a stop."""
    code = 'for _ in range(300): say("line", "x" * 100_000)\nsay("end"); hang()'  # More than the runner and pipes hold.
    for listens in (True, False):
        async with running(route(command=hurried()), code, tmp_path, attach=False) as child:
            async with asyncio.timeout(PATIENCE):
                while not child.process._paused:
                    await step()
            assert READ_SIZE <= len(child.process._early) < 2 * READ_SIZE
            if listens:
                child.attach()
                await child.said("end")
                assert child.heard.count("line") == 300
            else:
                await child.process.stop()


async def test_the_exit_status_is_the_agents_whatever_the_client_says(tmp_path: Path) -> None:
    """Clients of engines end with 0 for a lost machine and with 255 for a killed agent."""
    lying = route("sh", "-c", '"$@"; exit 255', "sh")
    for code, status in (("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", -signal.SIGKILL)):
        async with running(lying, code, tmp_path, reap=no_reap) as child:
            error = await ended(child)
            assert (error.reason, error.exit_status, error.place) == (CloseReason.ENDED, status, "")


async def test_the_last_lines_of_stderr_say_why_an_agent_ended(tmp_path: Path) -> None:
    """As here."""
    async with running(route(), 'sys.exit("no API key")', tmp_path, reap=no_reap) as child:
        assert (await ended(child)).stderr == ("no API key",)


async def test_a_verdict_that_the_agent_writes_is_its_text(tmp_path: Path) -> None:
    """It does not know the nonce."""
    code = 'print("\\x1e" + "0" * 32 + \' {"exit": 0}\', flush=True); say("lives"); sys.stdin.read(); sys.exit(4)'
    async with running(route(), code, tmp_path, reap=no_reap) as child:
        await child.said("lives")
        assert child.connection.error is None


# ---- the start


async def test_what_the_place_refuses_to_start_is_named(tmp_path: Path) -> None:
    """As a start here is; no process is left."""
    with pytest.raises(SpawnFailed) as failed:
        await FarProcess.start(route(), Launch("no-such", (), tmp_path, {}), new_marker(), reap=no_reap)
    assert (failed.value.problem, failed.value.path) == (StartProblem.COMMAND_MISSING, "no-such")


async def test_an_agent_that_ends_as_soon_as_it_has_started_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end may be read together with its start; the place was reached, and the agent's last words are told."""
    monkeypatch.setattr(acp.places.far_process, "LINGER_SECONDS", PATIENCE)
    script = """
import json, sys
mark = "\x1e" + json.loads(sys.stdin.readline())["nonce"]
sys.stdout.write(mark + ' {"hello": {}}\\n' + mark + ' {"exit": 3}\\n')
sys.stdout.flush()
sys.stdin.readline()
print("no API key", file=sys.stderr)
"""
    there = route(command=(sys.executable, "-c", script))
    async with running(there, "", tmp_path, reap=no_reap, attach=False) as child:
        child.attach()
        child.process._client.write(b"\n")
        error = await ended(child)
        assert (error.reason, error.exit_status, error.stderr) == (CloseReason.ENDED, 3, ("no API key",))


async def test_the_directories_of_a_session_are_made_there_before_its_agent_starts(tmp_path: Path) -> None:
    """Closed to others, with those above them; the agent's own files are as open as it wants them."""
    made = (tmp_path / "files" / "1", tmp_path / "files" / "2")
    code = f"say('made', os.listdir({str(tmp_path / 'files')!r})); open('own', 'w'); say('done'); sys.stdin.read()"
    async with running(route(), code, tmp_path, made=made) as child:
        assert sorted(await child.said("made")) == ["1", "2"]
        await child.said("done")
    assert [each.stat().st_mode & 0o777 for each in (tmp_path / "files", *made)] == [0o700] * 3
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o644


async def test_a_directory_that_cannot_be_made_there_is_named(tmp_path: Path) -> None:
    """As one here is; no agent is started."""
    (tmp_path / "file").touch()
    with pytest.raises(SpawnFailed) as failed:
        await start(route(), "", tmp_path, new_marker(), made=(tmp_path / "file" / "1",))
    assert (failed.value.problem, failed.value.path) == (StartProblem.DIRECTORY_NOT_MADE, f"{tmp_path}/file/1")
    assert failed.value.detail == "Not a directory"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another account")
async def test_no_session_gets_a_directory_that_another_account_has_laid(tmp_path: Path) -> None:
    """It could exchange what people's files are."""
    (tmp_path / "tmp" / "threadline").mkdir(parents=True)
    (tmp_path / "tmp").chmod(0o1777)
    os.chown(tmp_path / "tmp" / "threadline", 65534, 65534)
    with pytest.raises(SpawnFailed, match="threadline belongs to another account") as failed:
        await start(route(), "", tmp_path, new_marker(), made=(tmp_path / "tmp" / "threadline" / "1",))
    assert failed.value.problem is StartProblem.DIRECTORY_NOT_MADE


async def test_a_client_that_fails_is_a_place_not_reached_and_its_last_words_are_told(tmp_path: Path) -> None:
    """Immediately."""
    failing = route("sh", "-c", "echo Welcome; echo 'Connection refused' >&2; exit 255")
    with pytest.raises(PlaceUnreachable) as failed:
        await FarProcess.start(failing, Launch("true", (), tmp_path, {}), new_marker(), reap=no_reap)
    assert (failed.value.place, failed.value.detail) == ("worker1", "Connection refused")


async def test_a_greeting_before_hello_is_passed_over(tmp_path: Path) -> None:
    """A host's banner, however long, and without a line feed at its end."""
    greeting = route("sh", "-c", 'head -c 300000 /dev/zero; printf "Welcome"; exec "$@"', "sh")
    async with running(greeting, 'say("first"); sys.stdin.read()', tmp_path) as child:
        await child.said("first")
        assert child.heard == ["first"]


async def test_a_greeting_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    """A command that is no runner may write for ever."""
    with pytest.raises(PlaceUnreachable, match="worker1 not reached: y"):
        await start(route("sh", "-c", "yes"), "", tmp_path, new_marker())


async def test_a_header_that_does_not_fit_into_a_pipe_gets_there(tmp_path: Path) -> None:
    """The way to a place may be slow."""
    env = {**environment(), "A": "a" * 100_000, "B": "b" * 100_000}
    async with running(route(), 'say("sizes", [len(os.environ[n]) for n in "AB"]); hang()', tmp_path, env=env) as child:
        assert await child.said("sizes") == [100_000, 100_000]


async def test_a_greeting_without_hello_is_told(tmp_path: Path) -> None:
    """It is all that a person has to go by."""
    with pytest.raises(PlaceUnreachable, match="This account is closed"):
        await start(route("sh", "-c", "echo This account is closed."), "", tmp_path, new_marker(), reap=no_reap)


async def test_a_hello_that_does_not_come_is_waited_for_within_a_bound_and_what_runs_there_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner may have started the agent by then."""
    monkeypatch.setattr(acp.places.far_process, "END_SECONDS", 2.0)
    marker = new_marker()
    os.mkfifo(tmp_path / "started")
    code = f'open({str(tmp_path / "started")!r}, "w").close(); hang()'
    silent = route("sh", "-c", '"$@" > /dev/null', "sh", command=hurried())
    started = asyncio.create_task(asyncio.to_thread((tmp_path / "started").read_bytes))
    starting = asyncio.create_task(start(silent, code, tmp_path, marker, alive=ALIVE, seconds=3.0))
    with pytest.raises(PlaceUnreachable):
        await starting
    await started
    for each in runner.marked(far_marker("worker1", marker), None):
        await gone(each)


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    """It waits in a queue, perhaps for hours."""
    marker = new_marker()
    os.mkfifo(tmp_path / "waiting")
    waiting = route("sh", "-c", f"read -r header; echo > {tmp_path / 'waiting'}; sleep 600")
    reaped = asyncio.Event()

    def reap() -> asyncio.Event:
        reaped.set()
        return reaped

    starting = asyncio.create_task(start(waiting, "", tmp_path, marker, reap=reap))
    await asyncio.to_thread((tmp_path / "waiting").read_bytes)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert reaped.is_set()
    assert runner.marked(marker, None) == []


@pytest.mark.parametrize(
    "client", ["read -r header; exit 255", "yes"], ids=["a client that has ended", "a greeting without end"]
)
async def test_what_a_start_without_an_answer_may_have_left_is_ended_and_not_waited_for(
    tmp_path: Path, client: str
) -> None:
    """Where it outlives the client: a job may be queued, whose agent has heard of no session."""
    asked = False

    def reap() -> asyncio.Event:
        nonlocal asked
        asked = True
        return asyncio.Event()

    with pytest.raises(PlaceUnreachable):
        await start(route("sh", "-c", client), "", tmp_path, new_marker(), reap=reap, outlives=True)
    assert asked


async def test_a_start_that_is_refused_leaves_nothing_to_end(tmp_path: Path) -> None:
    """The runner says so."""
    with pytest.raises(SpawnFailed):
        await start(route(), "", tmp_path / "gone", new_marker(), reap=no_reap, outlives=True)


@pytest.mark.parametrize("says", ['printf "\\036$1 no json\\n"', 'printf "\\036$1 "; yes'], ids=["no JSON", "endless"])
async def test_a_runner_that_is_no_runner_is_a_place_not_reached(says: str, tmp_path: Path) -> None:
    """The far side is trusted no more than an agent."""
    script = f"""
import json, os, sys
nonce = json.loads(sys.stdin.readline())["nonce"]
os.execvp("sh", ["sh", "-c", {says!r}, "sh", nonce])
"""
    with pytest.raises(PlaceUnreachable, match="not readable"):
        await start(route(command=(sys.executable, "-c", script)), "", tmp_path, new_marker(), reap=no_reap)


# ---- the link


async def test_a_client_that_dies_is_a_lost_link_and_the_stop_waits_until_the_agent_is_gone(tmp_path: Path) -> None:
    """Its session may not be opened again before that."""
    async with running(relayed(), DEAF + 'say("ready"); hang()', tmp_path) as child:
        await child.said("ready")
        assert len(child.alive()) == 2
        child.process._client.kill()
        error = await ended(child)
        assert (error.reason, error.place, error.exit_status) == (CloseReason.LINK_LOST, "worker1", None)


async def test_a_silent_link_is_lost_and_its_client_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients exist that never notice it themselves. The runner, if it lives, has had the time to end its agent."""
    monkeypatch.setattr(acp.places.far_process, "END_SECONDS", 2.0)
    async with running(route(command=hurried()), 'say("ready"); hang()', tmp_path, alive=ALIVE) as child:
        await child.said("ready")
        os.kill(child.process.pid, signal.SIGSTOP)  # The client is the runner itself here.
        error = await ended(child)
        assert (error.reason, error.place) == (CloseReason.LINK_LOST, "worker1")
        assert psutil.pid_exists(child.process.pid)
        await child.process.stop()
        await gone(child.process.pid)


async def test_signs_of_life_keep_a_silent_agent_and_its_link(tmp_path: Path) -> None:
    """In both directions, for longer than silence is borne."""
    code = f'say("ready"); import select; assert not select.select([0], [], [], {2 * ALIVE})[0]; say("lives"); hang()'
    async with running(route(command=hurried()), code, tmp_path, alive=ALIVE, reap=no_reap) as child:
        await child.said("lives")


async def test_reading_that_is_paused_for_long_is_no_lost_link(tmp_path: Path) -> None:
    """Neither here nor there; every line arrives afterwards."""
    code = 'say("ready")\nfor n in range(3000): say("line", "x" * 1000)\nsay("end"); sys.stdin.readline(); hang()'
    async with running(route(command=hurried()), code, tmp_path, alive=ALIVE, reap=no_reap) as child:
        await child.said("ready")
        child.connection.pause_reading()
        loop = asyncio.get_running_loop()
        passed = loop.create_future()
        loop.call_later(2 * ALIVE, passed.set_result, None)
        await passed
        child.connection.resume_reading()
        await child.said("end")
        assert child.heard.count("line") == 3000


async def test_an_agent_that_leaves_its_input_unread_is_ended_and_that_is_the_reason(tmp_path: Path) -> None:
    """Not the link."""
    command = hurried({**SHORT_STEPS, "UNREAD_SECONDS": 0.5})
    async with running(route(command=command), 'say("ready"); hang()', tmp_path, reap=no_reap) as child:
        await child.said("ready")
        child.connection.notify("big", {"x": "y" * 3_000_000})
        error = await ended(child)
        assert (error.reason, error.seconds) == (CloseReason.INPUT_UNREAD, runner.UNREAD_SECONDS)
        assert not child.process.write(b"x\n")


async def test_a_slow_link_that_takes_a_long_message_is_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's pictures may need a minute; as long as something passes, the agent is not to blame."""
    monkeypatch.setattr(acp.connection, "WRITE_SECONDS", 0.6)
    slow = "import os, sys, time\nwhile data := os.read(0, 65536): os.write(1, data); time.sleep(0.05)"
    through = route("sh", "-c", f"{sys.executable} -c '{slow}' | \"$@\"", "sh", command=hurried())
    code = 'say("ready"); say("size", len(sys.stdin.readline())); hang()'
    async with running(through, code, tmp_path, alive=ALIVE) as child:
        await child.said("ready")
        child.connection.notify("big", {"x": "y" * 3_000_000})
        assert await child.said("size") > 3_000_000


async def test_a_link_that_falls_silent_while_a_long_message_is_written_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes to notice: the agent, which leaves nothing unread, is not to blame."""
    monkeypatch.setattr(acp.connection, "WRITE_SECONDS", ALIVE / 4)
    async with running(relayed(), 'say("ready"); hang()', tmp_path, alive=ALIVE) as child:
        await child.said("ready")
        os.killpg(child.process.pid, signal.SIGSTOP)
        child.connection.notify("big", {"x": "y" * 3_000_000})
        error = await ended(child)
        assert (error.reason, error.place) == (CloseReason.LINK_LOST, "worker1")
        child.process.kill()
        for each in child.alive():
            await gone(each)


async def test_an_agent_that_asks_on_while_its_input_is_taken_slowly_is_cut_off(tmp_path: Path) -> None:
    """Our memory would hold the answers; that some of the input has been taken is no reason to count from 0 again."""
    os.mkfifo(tmp_path / "ask")
    code = f"""
ask = os.open({str(tmp_path / "ask")!r}, os.O_RDWR)
say("ready")
while os.read(ask, 1):
    for number in range({UNREAD_ANSWERS * 2 // 3}):
        print(json.dumps({{"id": number, "method": "unknown"}}))
    say("asked")
"""
    command = hurried({**SHORT_STEPS, "HELD": 1_000_000, "UNREAD_SECONDS": 10 * PATIENCE})
    async with running(route(command=command), code, tmp_path) as child:
        await child.said("ready")
        child.connection.notify("big", {"x": "y" * 3_000_000})
        (tmp_path / "ask").write_bytes(b"1")
        await child.said("asked")
        async with asyncio.timeout(PATIENCE):
            while child.process._client.unwritten > 2_500_000:
                await step()
        child.process._timer.cancel()
        child.process._watch()  # The next look at the link, which would come after some seconds.
        (tmp_path / "ask").write_bytes(b"2")
        assert (await ended(child)).reason is CloseReason.ANSWERS_UNREAD


async def test_an_agent_that_the_place_ends_is_a_lost_link(tmp_path: Path) -> None:
    """A scheduler's or a host's doing; the agent did not end by itself."""
    async with running(route(command=hurried()), DEAF + 'say("ready"); hang()', tmp_path, reap=no_reap) as child:
        await child.said("ready")
        os.kill(child.process.pid, signal.SIGTERM)
        assert (await ended(child)).reason is CloseReason.LINK_LOST


async def test_what_comes_behind_the_verdict_is_nothing(tmp_path: Path) -> None:
    """Neither another one nor text."""
    script = """
import json, sys
mark = "\\x1e" + json.loads(sys.stdin.readline())["nonce"]
print(mark + ' {"hello": {}}', flush=True)
sys.stdin.readline()
print(mark + ' {"exit": 3}\\n' + mark + ' {"exit": 4}\\n{"method": "late"}', flush=True)
"""
    async with running(route(command=(sys.executable, "-c", script)), "", tmp_path, reap=no_reap, alive=ALIVE) as child:
        assert (await ended(child)).exit_status == 3
        assert child.heard == []


async def test_an_agent_that_closes_its_output_counts_as_ended(tmp_path: Path) -> None:
    """As one here does: no answer can come any more, and its turn must not wait for one."""
    async with running(route(command=hurried()), 'say("ready"); os.close(1); hang()', tmp_path, reap=no_reap) as child:
        error = await ended(child)
        assert (error.reason, error.exit_status, error.place) == (CloseReason.ENDED, None, "")


async def test_a_message_that_is_broken_cuts_the_link(tmp_path: Path) -> None:
    """Nothing behind it can be told apart."""
    script = """
import json, sys
nonce = json.loads(sys.stdin.readline())["nonce"]
print("\\x1e" + nonce + ' {"hello": {}}', flush=True)
sys.stdin.readline()
print("\\x1e" + nonce + " {}{}", flush=True)
sys.stdin.read()
"""
    reaped = asyncio.Event()

    def reap() -> asyncio.Event:
        reaped.set()
        return reaped

    async with running(route(command=(sys.executable, "-c", script)), "", tmp_path, reap=reap, alive=ALIVE) as child:
        assert (await ended(child)).reason is CloseReason.LINK_LOST
    assert reaped.is_set()


# ---- the end


async def test_a_stop_ends_a_deaf_agent_and_its_child_and_needs_no_reap(tmp_path: Path) -> None:
    """The verdict says that nothing is left."""
    async with running(route(command=hurried()), DEAF + 'say("ready"); hang()', tmp_path, reap=no_reap) as child:
        await child.said("ready")
        assert len(child.alive()) == 2
        await child.process.stop()
        assert child.alive() == []


async def test_a_stop_during_a_flood_that_nobody_reads_comes_to_its_end(tmp_path: Path) -> None:
    """The verdict is behind the flood; what is dropped on the way there costs no memory."""
    flood = 'say("ready")\nwhile True: say("line", "x" * 1000)'
    async with running(route(command=hurried()), DEAF + flood, tmp_path, reap=no_reap) as child:
        await child.said("ready")
        child.connection.pause_reading()
        heard = len(child.heard)
        await child.process.stop()
        child.connection.pause_reading()
        assert len(child.heard) == heard


async def test_an_agent_that_is_stopped_here_has_not_lost_its_link(tmp_path: Path) -> None:
    """Also where its end is heard of before the stop is over."""
    async with running(route(), 'say("ready"); sys.stdin.read()', tmp_path, reap=no_reap) as child:
        await child.said("ready")
        await child.process.stop()
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert (error.reason, error.exit_status) == (CloseReason.STOPPED, 0)


async def test_a_connection_that_reads_no_more_during_a_stop_does_not_keep_the_verdict_away(tmp_path: Path) -> None:
    """What the agent writes last is dropped then; more of it than fits into the pipes."""
    code = 'say("ready"); sys.stdin.read()\nfor _ in range(50): say("line", "x" * 100_000)\nsys.exit(4)'
    async with running(route(), code, tmp_path, reap=no_reap) as child:
        await child.said("ready")
        stopping = asyncio.create_task(child.process.stop())
        while not child.process._stopping:
            await step()
        child.connection.pause_reading()
        await stopping
        assert child.process.describe(CloseReason.STOPPED).exit_status == 4


async def test_a_connection_that_is_cut_here_hears_no_more_and_the_agent_is_still_ended(tmp_path: Path) -> None:
    """The verdict is waited for all the same."""
    code = 'say("ready")\nfor line in sys.stdin: pass\nsay("late")'
    async with running(route(), code, tmp_path, reap=no_reap) as child:
        await child.said("ready")
        child.connection.close(AgentClosed(CloseReason.STOPPED))
        await child.process.stop()
        assert child.heard == ["ready"]


async def test_a_kill_cuts_the_link_and_the_far_side_ends_the_agent(tmp_path: Path) -> None:
    """A person who is in a hurry does not wait for that."""
    async with running(relayed(), DEAF + 'say("ready"); hang()', tmp_path, reap=no_reap) as child:
        await child.said("ready")
        processes = child.alive()
        child.process.kill()
        await child.process.stop()
        for each in processes:
            await gone(each)


async def test_a_kill_during_a_stop_behind_a_silent_link_ends_every_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot stops within a bound, whether the place can be reached or not."""
    monkeypatch.setattr(acp.places.far_process, "END_SECONDS", 2 * PATIENCE)
    async with running(relayed(), 'say("ready"); hang()', tmp_path, alive=ALIVE, reap=no_reap) as child:
        await child.said("ready")
        os.killpg(child.process.pid, signal.SIGSTOP)
        await ended(child)
        stopping = asyncio.create_task(child.process.stop())
        await step()  # It leaves the runner the time to end its agent.
        child.process.kill()
        async with asyncio.timeout(PATIENCE):
            await stopping
        for each in child.alive():
            await gone(each)


async def test_a_place_that_never_confirms_is_waited_for_until_the_far_side_has_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner there has ended the agent by then, if it lives."""
    monkeypatch.setattr(acp.places.far_process, "END_SECONDS", 2.0)
    options: dict[str, Any] = {"reap": asyncio.Event, "alive": ALIVE}
    async with running(relayed(), DEAF + 'say("ready"); hang()', tmp_path, **options) as child:
        await child.said("ready")
        child.process._client.kill()
        await ended(child)


async def test_it_reads_like_a_status_line(tmp_path: Path) -> None:
    """With its place, and the client's process."""
    async with running(route(), 'say("ready"); sys.stdin.read()', tmp_path) as child:
        assert repr(child.process) == f"<FarProcess at worker1 behind <AgentProcess {child.process.pid} running>>"
