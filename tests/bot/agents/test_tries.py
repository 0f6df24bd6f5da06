"""The doctor's tries, with real agents as processes: each passes, is not offered, and is seen to fail."""

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from bot.agents import probe_steps, tries
from bot.agents.probe import Depth, probe_agent
from bot.agents.probe_result import Outcome, ProbeResult, as_lines
from bot.config.agents import AgentConfig
from bot.user_messages import agent_checks as texts
from tests.acp.child_processes import gone

from .configured_agent import BOUND, ODD

ABLE = ("reopens", "forks", "sees", "steers", "deletes", "asks", "announces")
"""The odd agent's words for all that is tried."""

COSTLY = [name for name in texts.TRIES if name not in ("restart", "crash_idle")]


async def examined(folder: Path, *words: str, depth: Depth = Depth.EVERYTHING) -> ProbeResult:
    """Examine the odd agent with these words, in `folder`."""
    return await probe_agent("default", AgentConfig(command=sys.executable, args=(str(ODD), *words), cwd=folder), depth)


def results(found: ProbeResult) -> dict[str, str]:
    """Return the result of each try."""
    return {name: each.result.value for name, each in found.tries.items()}


async def test_an_agent_that_can_everything_passes_every_try(tmp_path: Path) -> None:
    """Each at its first attempt, and without a fault."""
    found = await examined(tmp_path, *ABLE)
    assert results(found) == dict.fromkeys(texts.TRIES, "pass"), found.tries
    assert {each.reason for each in found.tries.values()} == {""}
    assert (found.faults, found.failure, found.well) == ([], "", True)


async def test_what_an_agent_does_not_offer_is_not_tried(tmp_path: Path) -> None:
    """No request is sent for it; what every agent must do is tried all the same."""
    found = await examined(tmp_path, "asks", "announces")
    offered = {"crash_idle", "cancel", "crash_turn"}
    assert results(found) == {name: "pass" if name in offered else "not offered" for name in texts.TRIES}
    assert found.faults == []


@pytest.mark.parametrize(
    ("name", "word", "instead_of", "reason"),
    [
        ("restart", "unopened", "reopens", "The agent reported an error: will not do session/load (session/load"),
        ("crash_idle", "locks", "", "The agent ended unexpectedly with exit code 1.\nanother one runs here"),
        ("crash_turn", "locks", "", "The agent ended unexpectedly with exit code 1.\nanother one runs here"),
        ("crash_idle", "forgets-crashed", "", "The agent reported an error: will not do session/load (session/load"),
        ("crash_idle", "daemon", "", "processes outlived the agent and were ended: 1"),
        ("crash_turn", "short", "", "the turn ended by itself; stop reason: end_turn"),
        ("fork", "forgets", "forks", "the answer lacks the word 'ready': ?"),
        ("fork", "forks-itself", "forks", "The agent's answer to session/fork cannot be read: it does not follow"),
        ("image", "blind", "sees", "the answer lacks the word 'red': ?"),
        ("image", "silent", "", "ended a turn without an answer; stop reason: end_turn"),
        ("cancel", "ends-cancelled", "", "the cancelled turn ended with the stop reason end_turn"),
        ("cancel", "ignores-cancel", "", "The agent did not cancel its turn within 0.1 s, so Threadline stopped it."),
        ("steering", "idle", "steers", "the message did not go into the running turn; outcome: promptRequired"),
        ("steering", "starts-turn", "steers", "the message did not go into the running turn; outcome: startedNewTurn"),
        ("steering", "mutinous", "steers", "the message did not go into the running turn; outcome: refused"),
        ("steering", "short", "", "the turn ended by itself; stop reason: end_turn"),
        ("cancel", "short", "", "the turn ended by itself; stop reason: end_turn"),
    ],
)
async def test_a_try_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, word: str, instead_of: str, reason: str
) -> None:
    """In the agent's own words where it has any; the tries behind it are made all the same."""
    monkeypatch.setattr("acp.turn.CANCEL_SECONDS", 0.1)
    found = await examined(tmp_path, *(each for each in ABLE if each != instead_of), word)
    assert (found.tries[name].result, found.failure) == (Outcome.FAILED, "")
    assert found.tries[name].reason.startswith(reason)
    assert Outcome.UNTRIED not in {each.result for each in found.tries.values()}
    line = reason.partition("\n")[0]
    assert any(each.startswith(f"  tries: {texts.TRIES[name]}: failed: {line}") for each in as_lines(found))


async def test_an_agent_that_never_reopens_sessions_recovers_with_a_new_one(tmp_path: Path) -> None:
    """The restart has failed for that reason already; a crash adds none."""
    found = await examined(tmp_path, "unopened", "asks", "announces", depth=Depth.PROMPTS)
    assert (found.tries["restart"].result, found.tries["crash_idle"].result) == (Outcome.FAILED, Outcome.PASSED)


async def test_a_failed_try_does_not_make_an_agent_unusable(tmp_path: Path) -> None:
    """The bot works with it, without that part."""
    found = await examined(tmp_path, "blind", "asks", "announces")
    assert (found.tries["image"].result, found.well) == (Outcome.FAILED, True)


async def test_without_the_flag_only_what_needs_no_prompt_is_tried(tmp_path: Path) -> None:
    """A line says what was not, and how to try it; no prompt but the two is sent."""
    found = await examined(tmp_path, *ABLE, "counts-prompts", depth=Depth.PROMPTS)
    assert results(found) == {name: "not tried" if name in COSTLY else "pass" for name in texts.TRIES}
    (line,) = [line for line in as_lines(found) if "not tried" in line]
    assert line == f"  tries: {texts.not_tried(COSTLY)}"
    assert (tmp_path / "prompts.txt").read_text() == "2"


async def test_without_a_prompt_nothing_is_tried_or_said_of_it(tmp_path: Path) -> None:
    """`check` and the report shake hands only."""
    found = await examined(tmp_path, *ABLE, depth=Depth.HANDSHAKE)
    assert set(results(found).values()) == {"not tried"}
    assert not [line for line in as_lines(found) if line.startswith("  tries")]


async def test_an_agent_that_fails_earlier_is_not_tried_further(tmp_path: Path) -> None:
    """The reason of the failure stands alone."""
    found = await examined(tmp_path, *ABLE, "auth-prompt")
    assert found.failure
    assert set(results(found).values()) == {"not tried"}


async def test_a_try_is_given_up_after_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hangs in it, here the start; every try is then over, and no process is left."""
    monkeypatch.setattr(tries, "TRY_SECONDS", 0.001)
    found = await examined(tmp_path, "reopens", "asks", "announces")
    assert found.tries["restart"].reason == "it did not finish within 0.001 s"
    running = [each for each in psutil.Process().children(recursive=True) if each.status() != psutil.STATUS_ZOMBIE]
    assert not [each for each in running if str(ODD) in each.cmdline()]


# ---- what is left behind


async def test_the_doctor_that_is_stopped_in_a_try_leaves_no_process(tmp_path: Path) -> None:
    """While the agent does not answer."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    words = (*ABLE, "holds-load", str(fifo))
    examination = asyncio.create_task(examined(tmp_path, *words), name="examination")
    async with asyncio.timeout(BOUND):
        pid = int(await asyncio.to_thread(fifo.read_text))
        examination.cancel()
        with pytest.raises(asyncio.CancelledError):
            await examination
        await gone(pid)


async def test_the_doctors_sessions_are_deleted(tmp_path: Path) -> None:
    """All of them, each once, where the agent can."""
    await examined(tmp_path, *ABLE)
    deleted = (tmp_path / "deleted.txt").read_text().split()
    assert deleted[0] == str(tmp_path)
    assert len(deleted) == len(set(deleted)) == 3


async def test_an_agent_that_keeps_a_session_is_told_of(tmp_path: Path) -> None:
    """It offers to delete them."""
    found = await examined(tmp_path, "keeps", "asks", "announces", depth=Depth.PROMPTS)
    assert "does not delete a session: The agent reported an error: will not do session/delete" in found.faults


async def test_a_process_that_outlives_the_agent_is_ended_and_said(tmp_path: Path) -> None:
    """It left the session and dropped the marker, by which the bot would find it."""
    found = await examined(tmp_path, "daemon", "asks", "announces", depth=Depth.HANDSHAKE)
    assert "processes outlived the agent and were ended: 1" in found.faults
    await gone(int((tmp_path / "daemon.pid").read_text()))


async def test_a_process_that_has_ended_is_not_counted() -> None:
    """Nor one that cannot be looked at any more."""
    child = psutil.Popen([sys.executable, "-c", ""])
    assert child.wait() == 0
    assert probe_steps.end([child]) == 0
