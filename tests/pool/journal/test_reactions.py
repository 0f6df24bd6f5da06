"""Signs in the journal: what may be on a message, until it is known to be gone."""

from pathlib import Path

from pool.journal.journal import Journal


def test_a_sign_is_known_until_it_is_gone(tmp_path: Path) -> None:
    """However often it was put on or taken away, and over a restart."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for emoji in ("👀", "⏳", "👀"):
            journal.signs.put(1, 10, emoji)
        journal.signs.put(2, 20, "👀")
        journal.signs.gone(10, "⏳")
        journal.signs.gone(10, "⏳")
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.signs.put(1, 10, "⏳")
        assert journal.signs.standing() == {10: (1, ["⏳", "👀"]), 20: (2, ["👀"])}
