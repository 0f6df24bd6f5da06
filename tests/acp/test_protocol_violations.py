"""What an agent does against the protocol fills no log."""

from structlog.testing import capture_logs

from acp.protocol_violations import LOGGED, ViolationLog


def test_what_was_left_out_is_counted_once() -> None:
    """However often the connection is told that it has ended; what comes then begins anew."""
    violations = ViolationLog()
    with capture_logs() as logs:
        for _ in range(LOGGED + 3):
            violations.note("warning", "odd", method="m")
        violations.end()
        violations.end()
        violations.note("warning", "odd", method="m")
    left_out = {"event": "further lines of the log were left out", "kind": "odd", "count": 3, "log_level": "warning"}
    assert logs.count(left_out) == 1
    assert [each["event"] for each in logs].count("odd") == LOGGED + 1
