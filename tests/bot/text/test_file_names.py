"""File names, and what Discord makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.file_names import file_name, is_kept_as
from loopback.state.filenames import cleansed


@pytest.mark.parametrize(
    ("kept", "said", "name"),
    [
        ("a.txt", None, "a.txt"),
        ("ubersicht.md", "\xfcbersicht", "\xfcbersicht.md"),
        ("a_b.tar.gz", "a b.tar", "a b.tar.gz"),
        ("1300.txt", "\u6587\u66f8", "\u6587\u66f8.txt"),
        ("1300", "\u6587\u66f8", "\u6587\u66f8"),
        ("a.txt", "a.txt", "a.txt"),
    ],
)
def test_a_file_has_the_name_that_it_was_given(kept: str, said: str | None, name: str) -> None:
    """Discord stores it apart from the name in the address."""
    assert file_name(kept, said) == name


@given(name=st.text(min_size=1, max_size=30).map(lambda stem: f"{stem}.md") | st.text(min_size=1, max_size=9))
def test_a_file_is_recognized_by_its_stored_name(name: str) -> None:
    """For any letters."""
    assert is_kept_as(name, cleansed(name, "1300000000000000000"))


@pytest.mark.parametrize(
    ("name", "kept"), [("a.md", "b.md"), ("\xfc.md", "a.md"), ("\u6587.md", "1.txt"), ("a b.md", "ab.md")]
)
def test_another_file_is_another(name: str, kept: str) -> None:
    """By its letters, or by its extension where none remain."""
    assert not is_kept_as(name, kept)
