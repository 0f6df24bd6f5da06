"""What a message says, as a person reads it."""

import pytest

from bot.message import readable

NAMES = {("@", 1): "ann", ("@&", 2): "crew", ("#", 3): "general"}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("ask <@1> or <@!1>", "ask @ann or @ann"),
        ("ask <@&2> in <#3>", "ask @crew in #general"),
        ("<@9> is nobody we know", "<@9> is nobody we know"),
        ("well done <:party:12345> <a:blob:6>", "well done :party: :blob:"),
        ("at <t:0:R>, not <t:99999999999999>", "at 1970-01-01T00:00:00Z, not <t:99999999999999>"),
        ("never <t:999999999999>", "never <t:999999999999>"),
        ("@everyone stays, and so does `<b>`", "@everyone stays, and so does `<b>`"),
    ],
)
def test_mentions_emoji_and_times_are_written_as_people_see_them(text: str, seen: str) -> None:
    """What cannot be resolved stays, and nothing else is touched."""
    assert readable(text, lambda sign, number: NAMES.get((sign, number))) == seen
