"""What a new session learns of a lost one."""

from bot.prompt.earlier import EARLIER_CHARACTERS, answer_in, last_exchanges


def test_of_a_long_conversation_the_newest_part_is_kept() -> None:
    """Within the bound, in order; one that does not fit is cut at its beginning."""
    kept = last_exchanges([(f"{number} ask", f"{number} " + "y" * 3000) for number in range(10)])
    assert [each["request"] for each in kept[1:]] == ["8 ask", "9 ask"]
    assert sum(len(each["request"]) + len(each.get("answer", "")) for each in kept) <= EARLIER_CHARACTERS + 1


def test_threadlines_own_lines_are_not_handed_over() -> None:
    """The introduction, the tools, the receipt and notices are small lines; the agent's words and its code stay."""
    reply = """-# Claude Code · Sonnet · shop
Two steps:
-# ✔ ⚙ pytest
```sh
-# not small here
```
❌ one test fails
-# 12 s · 1 tool"""
    assert answer_in(reply) == "Two steps:\n```sh\n-# not small here\n```\n❌ one test fails"


def test_an_error_is_not_handed_over_as_an_answer() -> None:
    """Neither its headline nor the agent's last words; what was said before stays."""
    reply = "so far\n❌ The agent ended unexpectedly with exit code 3.\n```\nKeyError\n```\n-# The next message ..."
    assert answer_in(reply) == "so far"
    assert last_exchanges([("ask", "❌ The agent did not start within 60 s.")]) == [{"request": "ask"}]
