"""The rows of facts."""

from pool.journal.journal import Journal


def test_a_fact_has_the_value_that_was_noted_last(journal: Journal) -> None:
    """An unknown fact is empty."""
    assert journal.facts.value("commands") == ""
    for value in ("one", "two"):
        journal.facts.note("commands", value)
    assert journal.facts.value("commands") == "two"
