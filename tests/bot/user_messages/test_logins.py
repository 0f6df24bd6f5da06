"""The words about logins: plain, bounded, and without secrets."""

from bot.text.markdown import LIMIT
from bot.text.page_address import LONGEST_LINK
from bot.text.redaction import Redactor
from bot.user_messages.logins import logged_out, page, shown_title

SECRET = "MTIz.secret.value"


def test_an_agents_title_is_plain_text() -> None:
    """The agent chooses it: no markup, no secret, no length."""
    redact = Redactor([SECRET])
    evil = shown_title(f"**{SECRET}**\n<@1>" + "x" * 500, redact=redact)
    assert evil.startswith("\\*\\*\\[secret\\]\\*\\* \\<\\@1\\>xxx")
    assert len(evil) < 100


def test_the_notice_says_what_to_run_and_names_the_button_where_there_is_one() -> None:
    """Without a title it is "the agent"."""
    command = "run `threadline login default`"
    assert logged_out("Codex", "default", by_page=True) == (
        f"-# ⚠ Codex is logged out. An approver or admin can press **Log in**, or {command} on the machine that runs "
        "Threadline."
    )
    assert logged_out("", "default", by_page=False) == (
        f"-# ⚠ The agent is logged out. On the machine that runs Threadline, {command}."
    )


def test_the_longest_login_page_is_one_message() -> None:
    """What the agent says is cut, and stands in a block that it cannot end."""
    shown = page("t" * 120, "x" * LONGEST_LINK, "y" * LONGEST_LINK, "```\n@everyone" + "\u202e" * 10_000, 2**40)
    assert len(shown) <= LIMIT
    assert shown.count("```") == 4
    assert "\u202e" not in shown


def test_a_page_without_a_word_has_no_empty_block() -> None:
    """An agent need not say anything."""
    assert "says" not in page("Codex", "a.example", "https://a.example/", " \n", 0)
