import json
import sys
from pathlib import Path

import pytest

from acp import AcpError, FileRefused, PlaceUnreachable, RequestTimeout, SpawnFailed, StartProblem
from acp.places import far_commands, runner
from acp.places.far_commands import Hello, Route
from tests.acp.child_processes import PATIENCE
from tests.acp.places.routes import hurried, route

pytestmark = pytest.mark.real_time


async def test_a_runner_tells_its_version() -> None:
    """By which a check sees whether it is the one that is needed."""
    assert (await far_commands.hello(route("env"))).version == runner.VERSION
    assert isinstance(await far_commands.hello(route()), Hello)


async def test_a_command_runs_there_and_its_output_comes_back(tmp_path: Path) -> None:
    """With its exit status, and with what it got on stdin."""
    ran = await far_commands.run(route(), ["sh", "-c", "cat; pwd; exit 3"], cwd=tmp_path, stdin=b"in\x1eput\n")
    assert (ran.exit_status, ran.output) == (3, b"in\x1eput\n" + str(tmp_path).encode() + b"\n")


async def test_a_command_that_ends_before_it_is_looked_at_is_noticed(tmp_path: Path) -> None:
    """Its status is taken once, by the right one."""
    through = route(command=hurried({}))
    for _ in range(10):
        assert (await far_commands.run(through, ["true"], cwd=tmp_path, seconds=PATIENCE)).exit_status == 0


async def test_a_command_that_cannot_start_there_is_named(tmp_path: Path) -> None:
    """As one here is."""
    with pytest.raises(SpawnFailed) as failed:
        await far_commands.run(route(), ["no-such-command"], cwd=tmp_path)
    assert (failed.value.problem, failed.value.path) == (StartProblem.COMMAND_MISSING, "no-such-command")


async def test_a_command_that_takes_too_long_is_ended_there(tmp_path: Path) -> None:
    """The far side ends it, not the loss of the link."""
    with pytest.raises(RequestTimeout):
        await far_commands.run(route(), ["sleep", "600"], cwd=tmp_path, seconds=0.1)


async def test_a_command_whose_output_is_too_long_cleans_up_before_it_ends(tmp_path: Path) -> None:
    """By the trap of a shell, which is asked to end first."""
    line = "trap 'rm draft; exit 1' TERM; touch draft; yes"
    ran = await far_commands.run(route(), ["sh", "-c", line], cwd=tmp_path, max_output=1000, seconds=PATIENCE)
    assert ran.cut
    assert (await far_commands.run(route(), ["ls"], cwd=tmp_path, seconds=PATIENCE)).output == b""


async def test_a_file_goes_there_and_comes_back(tmp_path: Path) -> None:
    """Every byte of it, also those that begin the runner's messages."""
    data = bytes(range(256)) * 1000 + b"\x1e"
    path = tmp_path / "a" / "file"
    await far_commands.put(route(), data, path)
    assert await far_commands.get(route(), path, [tmp_path], max_size=len(data)) == data


async def test_a_file_outside_the_roots_is_refused(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(FileRefused, match="outside the directories"):
        await far_commands.get(route(), Path("/etc/passwd"), [tmp_path], max_size=10_000)


async def test_a_place_whose_client_fails_is_not_reached_and_its_last_words_are_told() -> None:
    """They say what to correct."""
    with pytest.raises(PlaceUnreachable, match="place worker1 not reached: Permission denied") as failed:
        await far_commands.hello(route("sh", "-c", "echo Welcome; echo 'Permission denied' >&2; exit 255"))
    assert failed.value.detail == "Permission denied"


# ---- what a far side may say that is no runner, or no honest one

HOSTILE = "one\ntwo\x1b]0;title\x07 \u202ethree\ud800"
SHOWN = "one�two�]0;title� �three?"


async def test_what_a_far_side_tells_is_one_line_of_printable_characters(tmp_path: Path) -> None:
    """It goes into logs, terminals and messages to people."""
    told = json.dumps({"size": 0, "problem": "command not started", "path": HOSTILE, "detail": HOSTILE})
    with pytest.raises(SpawnFailed) as failed:
        await far_commands.run(answering(told), ["true"], cwd=tmp_path)
    assert (failed.value.path, failed.value.detail) == (SHOWN, SHOWN)
    told = json.dumps({"size": 0, "problem": "file not read", "detail": HOSTILE})
    with pytest.raises(FileRefused) as refused:
        await far_commands.get(answering(told), tmp_path, [tmp_path], max_size=1)
    assert refused.value.detail == SHOWN
    with pytest.raises(PlaceUnreachable) as unreached:
        await far_commands.hello(route("sh", "-c", r"printf 'one\n\033[2Jtwo\n' >&2; exit 255"))
    assert unreached.value.detail == "�[2Jtwo"


def answering(content: str, more: str = "''") -> Route:
    """Return the way to what answers each header with this JSON and the bytes behind it."""
    script = f"""
import json, sys
nonce = json.loads(sys.stdin.readline())["nonce"]
print("\\x1e" + nonce + " " + {content!r} + "\\n" + {more}, end="", flush=True)
sys.stdin.read()
"""
    return route(command=(sys.executable, "-c", script))


@pytest.mark.parametrize(
    "content",
    [
        *("no JSON", "[]", '{"size": 0}', '{"size": -1}', '{"size": 0, "problem": "unknown"}'),
        '{"size": 0, "exit": "x"}',
    ],
)
async def test_an_answer_that_is_not_readable_is_a_place_not_reached(content: str, tmp_path: Path) -> None:
    """Whatever was asked for."""
    far = answering(content, "'x' * 100")
    for asking in (
        far_commands.hello(far),
        far_commands.run(far, ["true"], cwd=tmp_path),
        far_commands.reap(far, ["journal/"]),
    ):
        with pytest.raises(PlaceUnreachable, match="not readable"):
            await asking


@pytest.mark.parametrize("end", [f'"exit": {10**400}', '"exit": -1', '"signal": 99', '"signal": 0'])
async def test_an_end_that_no_process_has_is_not_readable(end: str, tmp_path: Path) -> None:
    """It would go into messages to people."""
    with pytest.raises(PlaceUnreachable, match="not readable"):
        await far_commands.run(answering(f'{{"size": 0, {end}}}'), ["true"], cwd=tmp_path)


async def test_an_unknown_problem_with_a_file_is_a_place_not_reached(tmp_path: Path) -> None:
    """It is no refusal that people could act on."""
    far = answering('{"size": 0, "problem": "unknown"}')
    for asking in (far_commands.put(far, b"", tmp_path), far_commands.get(far, tmp_path, [tmp_path], max_size=1)):
        with pytest.raises(PlaceUnreachable, match="not readable"):
            await asking


async def test_an_answer_longer_than_what_was_asked_for_is_not_taken(tmp_path: Path) -> None:
    """It costs no memory here."""
    with pytest.raises(PlaceUnreachable, match="not readable"):
        await far_commands.get(answering('{"size": 9999999}', "'x' * 9999999"), tmp_path, [tmp_path], max_size=1000)


@pytest.mark.parametrize("far_text", ["\ud800", "x" * 9000, ["x"] * 2000], ids=["half a character", "long", "a list"])
async def test_what_a_far_side_says_of_a_problem_is_text_of_bounded_length(far_text: object, tmp_path: Path) -> None:
    """It goes into messages to people and into files, which accept no half of a character."""
    told = json.dumps({"size": 0, "path": "/\ud800" + "x" * 9000, "detail": far_text, "version": far_text})[1:]
    errors = []
    for problem, asking in (
        ("command not started", lambda far: far_commands.run(far, ["true"], cwd=tmp_path)),
        ("file not written", lambda far: far_commands.put(far, b"", tmp_path)),
        ("version", far_commands.hello),
    ):
        with pytest.raises(AcpError) as failed:
            await asking(answering(f'{{"problem": "{problem}", {told}'))
        errors.append(str(failed.value))
    assert [each.encode().decode() for each in errors] == errors
    assert max(map(len, errors)) < 3 * far_commands.MAX_TOLD


async def test_a_greeting_that_does_not_end_is_given_up() -> None:
    """A command that is no runner may write for ever; a long greeting is passed over."""
    for size, is_reached in ((300_000, True), (far_commands.MAX_BANNER + 1, False)):
        greeting = route("sh", "-c", f'head -c {size} /dev/zero; printf "Welcome"; exec "$@"', "sh")
        if is_reached:
            await far_commands.hello(greeting)
        else:
            with pytest.raises(PlaceUnreachable):
                await far_commands.hello(greeting)


async def test_an_answer_that_does_not_come_is_waited_for_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is ended then."""
    monkeypatch.setattr(far_commands, "REACH_SECONDS", 0.2)
    with pytest.raises(PlaceUnreachable, match="no answer in time"):
        await far_commands.hello(route("sh", "-c", "exec sleep 600"), seconds=0)


async def test_a_runner_of_another_version_is_named() -> None:
    """With both versions."""
    with pytest.raises(PlaceUnreachable, match=f"its runner has version 7, not {runner.VERSION}"):
        await far_commands.hello(answering('{"problem": "version", "version": 7, "size": 0}'))


async def test_processes_that_cannot_be_ended_are_no_confirmation() -> None:
    """They are counted."""
    with pytest.raises(PlaceUnreachable, match="survive SIGKILL: 2"):
        await far_commands.reap(answering('{"found": 2, "left": 2, "size": 0}'), ["journal/"])


async def test_a_command_that_a_signal_ended_has_its_number_as_here(tmp_path: Path) -> None:
    """Negative."""
    assert (await far_commands.run(route(), ["sh", "-c", "kill -9 $$"], cwd=tmp_path)).exit_status == -9
