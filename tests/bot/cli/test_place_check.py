"""The rows of a check about places: the level, the host, and what to do."""

import pytest

from acp import PlaceUnreachable, QueuedTooLong, RequestTimeout, SpawnFailed, StartProblem
from bot.agents.place_probe import AgentThere, FilesProblem, PlaceReport
from bot.cli.findings import Finding, Level
from bot.cli.place_check import LITTLE_ROOM, _findings
from bot.cli.texts import failures


def rows(**changes: object) -> list[Finding]:
    """Return the rows about a place in order, but for these changes."""
    report = PlaceReport(place="worker1", host="agents@w1", python="3.11.2", files="/srv/files", free=LITTLE_ROOM)
    for name, value in changes.items():
        setattr(report, name, value)
    return list(_findings(report))


def test_a_place_in_order_is_ok() -> None:
    """With the version of Python and the room."""
    (row,) = rows()
    words = "agents@w1: the runner answers, with Python 3.11.2\n1 GiB free for /srv/files"
    assert row == Finding("places.worker1", Level.OK, words)
    assert rows(host="", free=None) == [
        Finding("places.worker1", Level.OK, "worker1: the runner answers, with Python 3.11.2")
    ]


def test_each_fault_names_the_host_and_what_to_do() -> None:
    """All of them in one row, which fails the check."""
    (row,) = rows(missing=("/srv/project",), files_problem=FilesProblem.NOT_PRIVATE)
    assert row.level is Level.FAILED
    assert row.words.splitlines()[1:3] == [
        failures.no_directory_there("agents@w1", "/srv/project"),
        failures.files_not_private("agents@w1", "/srv/files"),
    ]
    (row,) = rows(files_problem=FilesProblem.NOT_WRITABLE)
    assert failures.files_not_writable("agents@w1", "/srv/files") in row.words


def test_little_room_is_a_warning() -> None:
    """The bot works until the disk is full."""
    (row,) = rows(free=LITTLE_ROOM - 1)
    assert row.level is Level.WARNING
    assert row.words.endswith("make room, or choose another directory with files")


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Host key verification failed.", "ssh-keyscan"),
        ("agents@w1: Permission denied (publickey).", "authorized_keys"),
        ("ssh: Could not resolve hostname w1: Name or service not known", "correct host"),
        ("ssh: connect to host w1 port 22: Connection timed out", "its network"),
        ("sh: 1: python3: not found", "install Python 3.8"),
        ("its runner has version 2, not 1", "up to date"),
        ("threadline runner: no header on stdin; it is Threadline that starts this program", "starts the runner alone"),
        ("sh: 1: srun: not found", "install what is named"),
        ("something else", "by hand"),
    ],
)
def test_a_place_that_cannot_be_reached_is_told_with_a_remedy(said: str, remedy: str) -> None:
    """By what its client says."""
    (row,) = rows(error=PlaceUnreachable("worker1", said))
    assert row.level is Level.FAILED
    assert row.words.startswith(f"agents@w1: cannot be reached: {said}; ")
    assert remedy in row.words


def test_a_missing_client_and_a_look_that_fails_are_told() -> None:
    """The first is a matter of this machine."""
    (row,) = rows(error=SpawnFailed(StartProblem.COMMAND_MISSING, "kubectl"))
    assert "kubectl" in row.words
    (row,) = rows(error=RequestTimeout("sh", 30))
    assert row.words.startswith("agents@w1: cannot be examined: ")


def test_each_agent_has_a_row_of_its_own() -> None:
    """It answers, does not ask, is queued, or has failed."""
    agents = [
        AgentThere(agent="a", name="Agent 1.0", asks=True),
        AgentThere(agent="b", name="", asks=False),
        AgentThere(agent="c", error=QueuedTooLong("worker1", 60, "PENDING: Resources")),
        AgentThere(agent="d", error=SpawnFailed(StartProblem.COMMAND_MISSING, "claude")),
    ]
    _, *found = rows(agents=agents)
    assert [row.subject for row in found] == [f"agents.{name} at worker1" for name in "abcd"]
    assert [row.level for row in found] == [Level.OK, Level.WARNING, Level.WARNING, Level.FAILED]
    assert found[0].words == "Agent 1.0 answers there, and opens a session"
    assert found[1].words.startswith("b answers there")
    assert found[2].words == "agents@w1: not started yet, queued: PENDING: Resources"
    assert "claude" in found[3].words
