"""The words for a sandbox that could not be made."""

import pytest

from acp import AgentClosed, SpawnFailed, StartProblem
from acp.errors import CloseReason
from acp.process import srt
from acp.process.sandbox_refusal import SandboxProblem
from bot.user_messages.agent_errors import headline
from bot.user_messages.sandbox_errors import _REASONS


def test_each_problem_has_a_reason_with_its_remedy() -> None:
    """Two sentences; what an engine says otherwise is quoted as it is."""
    assert set(_REASONS) == set(SandboxProblem)
    assert [problem for problem, words in _REASONS.items() if ". " not in words] == [SandboxProblem.OTHER]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("bwrap: setting up uid map: Permission denied", "On Ubuntu 23.10 and later, give bwrap an AppArmor profile"),
        ("bwrap: Can't find source path /srv/x: Permission denied", "/srv/x is missing, or cannot be entered"),
        ("bwrap: Unknown option --clearenv", "this version of bwrap does not know --clearenv"),
        ("bwrap: something new", "its sandbox could not be made: something new."),
    ],
)
def test_what_the_engine_said_becomes_a_reason(said: str, words: str) -> None:
    """It follows what happened."""
    told = headline(AgentClosed(CloseReason.SANDBOX_FAILED, 1, ("a warning", said)))
    assert told.startswith("The agent could not start: its sandbox could not be made: ")
    assert words in told


@pytest.mark.parametrize("program", ["bwrap", srt.PROGRAM, "socat", "rg"])
def test_a_missing_program_is_named_with_its_package(program: str) -> None:
    """Each that an engine needs."""
    told = headline(SpawnFailed(StartProblem.SANDBOX_MISSING, program))
    assert told.startswith(f"The agent could not start: the program {program} of its sandbox was not found. Install ")
    assert not told.endswith(f"Install {program}.")
