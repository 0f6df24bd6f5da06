"""What a run with a thousand threads refuses, and how it names calls."""

import pytest

from bench.phases import kind_of
from bench.run import Failed
from bench.thousand import assert_in_order
from loopback import RestCall


def call(method: str, path: str) -> RestCall:
    """Make an answered call."""
    return RestCall(method, path, {}, None, (), 200, 0.0, 0.0, None)


def test_a_thread_that_passes_another_in_the_line_fails_the_run() -> None:
    """Agents start in the order of the messages; a start may be missing between them."""
    assert_in_order([1, 2, 4, 5])
    with pytest.raises(Failed, match="1 threads passed"):
        assert_in_order([1, 2, 5, 4])


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/channels/1/messages", "send"),
        ("PATCH", "/channels/1/messages/2", "edit"),
        ("DELETE", "/channels/1/messages/2", "delete"),
        ("PUT", "/channels/1/messages/2/reactions/x/@me", "reaction"),
        ("DELETE", "/channels/1/messages/2/reactions/x/@me", "reaction"),
        ("POST", "/channels/1/typing", "typing"),
        ("GET", "/channels/1/messages", "GET /channels/1/messages"),
    ],
)
def test_a_call_is_counted_by_what_it_does(method: str, path: str, kind: str) -> None:
    """What has no name of its own is counted by its method and path."""
    assert kind_of(call(method, path)) == kind
