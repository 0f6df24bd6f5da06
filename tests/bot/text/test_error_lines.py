"""The lines of an agent's stderr that read like an error."""

from bot.text.error_lines import LINES, WIDTH, error_lines


def test_only_lines_that_read_like_an_error_are_found() -> None:
    """Neither a debug log, nor ids of sessions, nor the frames of a stack."""
    stderr = (
        "2026-01-01T10:00:00Z [DEBUG] session 0b9e1a52-96d4-4c0e-9a7e-7a3c7f1f2a11: no error yet",
        "level=info msg=failed=0",
        '{"level":30,"msg":"0 errors"}',
        "\x1b[31mError: session 0b9e1a52-96d4-4c0e-9a7e-7a3c7f1f2a11 has no API key\x1b[0m",
        "    at failing (node:internal/errors:1:2)",
        "KeyError: 'model'",
        "welcome",
    )
    assert error_lines(stderr) == ["Error: session … has no API key", "KeyError: 'model'"]


def test_the_newest_lines_are_kept_and_the_beginning_of_each() -> None:
    """However many there are, and however long."""
    said = error_lines([f"error {number} {'x' * 500}" for number in range(100)])
    assert [line[:8] for line in said] == [f"error {number}" for number in range(100 - LINES, 100)]
    assert all(len(line) == WIDTH for line in said)
