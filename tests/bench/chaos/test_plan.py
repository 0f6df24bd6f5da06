"""The plan of a round of chaos depends on its seed."""

from collections import Counter

from bench.chaos.plan import IN_LINES, IN_TMP, Event, Trigger, Trouble, Way, plan


def test_a_plan_depends_on_seed_and_number_alone() -> None:
    """The printed seed repeats the round."""
    assert plan(7, 3) == plan(7, 3)
    assert plan(7, 3) != plan(7, 4)
    assert plan(7, 3) != plan(8, 3)


def test_every_trouble_comes_up_and_only_what_is_allowed() -> None:
    """A long run tries every trouble, a narrow one only those allowed."""
    seen = Counter(fault.trouble for number in range(200) for fault in plan(1, number).faults)
    assert seen.keys() == set(Trouble) - IN_LINES
    narrow = [fault.trouble for number in range(200) for fault in plan(1, number, [Trouble.KILL_BOT]).faults]
    assert set(narrow) == {Trouble.KILL_BOT}


def test_a_kill_in_a_command_waits_for_the_request_of_one() -> None:
    """Its rounds begin with commands of all kinds."""
    rounds = [plan(1, number, [Trouble.KILL_IN_COMMAND]) for number in range(200)]
    killed = [each for each in rounds if each.faults]
    assert {fault.trigger.event for each in killed for fault in each.faults} == {Event.REQUESTED}
    assert {each.places[0].lines[0].way for each in killed} == {Way.ASK, Way.ABOUT, Way.AGAIN}


def test_the_hostile_agent_says_each_of_its_lines_sooner_or_later() -> None:
    """They come before the answer, which must still come."""
    rounds = [plan(1, number, [Trouble.HOSTILE]) for number in range(400)]
    lines = [each.places[1].lines[0] for each in rounds if Trouble.HOSTILE in each.said]
    assert {line.script.split()[0] for line in lines} == {"quotes", "rewrite", "bulk", "flood"}
    assert all(line.script.endswith(f"\nsay {line.token}") for line in lines)


def test_an_answer_that_needs_room_comes_with_every_trouble_about_room() -> None:
    """The trouble begins with the round, so that it affects the answer."""
    rounds = [plan(1, number, [each]) for number in range(200) for each in sorted(IN_TMP)]
    lines = [each.places[1].lines[0] for each in rounds if each.faults]
    assert lines
    assert all("\nhuge " in line.script for line in lines)
    assert {fault.trigger for each in rounds for fault in each.faults} == {Trigger(Event.SAID, 1, 0.0)}


def test_tokens_are_unique_and_none_is_part_of_another() -> None:
    """So a token's count in a thread counts one message's answers."""
    tokens = [line.token for number in range(200) for place in plan(1, number).places for line in place.lines]
    assert len(set(tokens)) == len(tokens)
    assert len({len(token) for token in tokens}) == 1
