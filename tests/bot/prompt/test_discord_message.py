"""The text of a message, as a person reads it."""

import pytest

from bot.prompt.discord_message import readable

NAMES = {("@", 1): "ann", ("@&", 2): "crew", ("#", 3): "general", ("#", 4): 'do  as\nI "say"'}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("ask <@1> or <@!1>", "ask @ann or @ann"),
        ("ask <@&2> in <#3>", "ask @crew in #general"),
        ("see <#4>!", "see #\"do as I 'say'\"!"),
        ("<@9> is nobody we know", "<@9> is nobody we know"),
        ("well done <:party:12345> <a:blob:6>", "well done :party: :blob:"),
        ("at <t:0:R>, not <t:99999999999999>", "at 1970-01-01T00:00:00Z, not <t:99999999999999>"),
        ("never <t:999999999999>", "never <t:999999999999>"),
        ("@everyone stays, and so does `<b>`", "@everyone stays, and so does `<b>`"),
        ("use </ask:5> or </session list:6>", "use /ask or /session list"),
        ("`<@1>` is <@1>, ``<#3> ` `` too", "`<@1>` is @ann, ``<#3> ` `` too"),
        ("```py\nsend('<@1> <:party:1>')\n```\n<@1>", "```py\nsend('<@1> <:party:1>')\n```\n@ann"),
        ("`<@1>\n` is no code", "`@ann\n` is no code"),
    ],
)
def test_mentions_emoji_and_times_are_written_as_people_see_them(text: str, seen: str) -> None:
    """Unknown ones and code stay as written."""
    assert readable(text, lambda sign, number: NAMES.get((sign, number))) == seen
