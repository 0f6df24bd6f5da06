"""The rows of posted requests: they stay until the request is accepted or refused."""

from pathlib import Path

from pool.journal.journal import Journal
from pool.journal.posted_requests import PostedRequest


def test_a_request_is_known_until_it_has_ended(tmp_path: Path) -> None:
    """The next start finds the others, oldest first, as they were written."""
    path = tmp_path / "journal.db"
    asks = [
        PostedRequest(12, 1, "x asks", "{}"),
        PostedRequest(11, 2, "y asks", "{}", "other", 3),
        PostedRequest(10, 1, "z asks", "{}"),
    ]
    with Journal.open(path) as journal:
        for ask in asks:
            journal.posted_requests.begin(ask)
        journal.posted_requests.end(10)
        journal.posted_requests.end(10)
    with Journal.open(path) as journal:
        assert journal.posted_requests.all() == [asks[1], asks[0]]
