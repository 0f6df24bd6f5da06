"""The rows of rules that allow commands in a thread without a question."""

from pathlib import Path

from pool.journal.command_rules import CommandRule
from pool.journal.journal import Journal
from pool.journal.threads import Assignment


def test_a_rule_stays_until_it_is_removed_or_the_thread_gets_another_agent(tmp_path: Path) -> None:
    """Each thread has its own; an equal one replaces the earlier."""
    path = tmp_path / "journal.db"
    first, second = CommandRule(1, "ls", 42, 1.0), CommandRule(1, "git status …", 43, 2.0)
    with Journal.open(path) as journal:
        journal.messages.receive(10, thread_id=1, channel_id=2, guild_id=3, author_id=42)
        for rule in (second, CommandRule(1, "ls", 1, 0.5), first, CommandRule(2, "ls", 42, 1.0)):
            journal.command_rules.add(rule)
    with Journal.open(path) as journal:
        assert journal.command_rules.of(1) == [first, second]
        assert journal.command_rules.remove(1, "ls")
        assert not journal.command_rules.remove(1, "ls")
        assert journal.command_rules.of(1) == [second]
        journal.threads.assign(1, Assignment("other", "/srv/other"))
        assert journal.command_rules.of(1) == []
        assert journal.command_rules.of(2) == [CommandRule(2, "ls", 42, 1.0)]
