"""Values written as TOML."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from bot.config.toml_writer import toml_array, toml_string


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_what_is_written_is_read_back(texts: list[str]) -> None:
    """Quotes, backslashes, line ends and control characters included."""
    assert tomllib.loads(f"value = {toml_array(texts)}")["value"] == texts
    assert all(tomllib.loads(f"value = {toml_string(text)}")["value"] == text for text in texts)
