"""Violations of the protocol do not fill the log."""

from structlog.testing import capture_logs

from acp.protocol_violations import LOGGED, ViolationLog


def test_what_was_left_out_is_counted_once() -> None:
    """A second `end` logs nothing, and later violations count from zero."""
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
