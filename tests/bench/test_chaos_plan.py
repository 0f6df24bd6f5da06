"""A round of chaos is what its seed says."""

from collections import Counter

from bench.chaos.plan import Trouble, plan


def test_a_plan_depends_on_seed_and_number_alone() -> None:
    """The seed that is printed brings the same round again."""
    assert plan(7, 3) == plan(7, 3)
    assert plan(7, 3) != plan(7, 4)
    assert plan(7, 3) != plan(8, 3)


def test_every_trouble_comes_up_and_only_what_is_allowed() -> None:
    """A run of the promised length tries everything; a narrower one nothing else."""
    seen = Counter(fault.trouble for number in range(200) for fault in plan(1, number).faults)
    assert seen.keys() == set(Trouble) - {Trouble.BURST}
    narrow = [fault.trouble for number in range(200) for fault in plan(1, number, [Trouble.KILL_BOT]).faults]
    assert set(narrow) == {Trouble.KILL_BOT}


def test_tokens_are_unique_and_none_is_part_of_another() -> None:
    """Counting a token in a thread counts one message's answers."""
    tokens = [line.token for number in range(200) for place in plan(1, number).places for line in place.lines]
    assert len(set(tokens)) == len(tokens)
    assert len({len(token) for token in tokens}) == 1
