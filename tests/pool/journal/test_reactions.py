"""The rows of status reactions: they stay until the reaction is known to be gone."""

from pathlib import Path

from pool.journal.journal import Journal


def test_a_reaction_is_known_until_it_is_gone(tmp_path: Path) -> None:
    """Over a restart, and after repeated additions and removals."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for emoji in ("👀", "⏳", "👀"):
            journal.reactions.put(1, 10, emoji)
        journal.reactions.put(2, 20, "👀")
        journal.reactions.gone(10, "⏳")
        journal.reactions.gone(10, "⏳")
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.reactions.put(1, 10, "⏳")
        assert journal.reactions.all() == {10: (1, ["⏳", "👀"]), 20: (2, ["👀"])}
