"""Cards of components: within Discord's bounds, with the buttons in rows, and a single text in the end."""

from typing import Any

import discord
import pytest

from bot.interactions.components import view_of
from bot.rest.components_v2 import CARD, layout_of
from loopback.state.components import check, check_layout, walk
from loopback.state.errors import FormErrors


def button(number: int) -> discord.ui.Button[discord.ui.View]:
    """Return a button."""
    return discord.ui.Button(label=str(number), custom_id=str(number))


def menu(number: int) -> discord.ui.Select[discord.ui.View]:
    """Return a menu."""
    return discord.ui.Select(custom_id=f"menu {number}", options=[discord.SelectOption(label="a")])


def shown(layout: discord.ui.LayoutView) -> list[dict[str, Any]]:
    """Return a layout as it is sent."""
    found: list[dict[str, Any]] = layout.to_components()  # type: ignore[no-untyped-call]
    return found


@pytest.mark.parametrize(
    ("items", "rows"),
    [
        ([], []),
        ([button(1), button(2)], [2]),
        ([button(number) for number in range(25)], [5] * 5),
        ([menu(1), menu(2), menu(3), menu(4), button(1)], [1] * 5),
        ([button(1), menu(1), button(2)], [1, 1, 1]),
    ],
)
def test_a_card_has_its_text_its_files_and_its_buttons_in_rows(items: list[Any], rows: list[int]) -> None:
    """The largest one is within Discord's bounds."""
    files = [("request.txt", b""), ("form.txt", b"")]
    components = shown(layout_of("x" * 2_000, view_of(*items), CARD, files))
    (container,) = components
    assert container["accent_color"] == CARD
    text, *rest = container["components"]
    assert text["content"] == "x" * 2_000
    assert [part["file"]["url"] for part in rest[:2]] == ["attachment://request.txt", "attachment://form.txt"]
    assert [len(part["components"]) for part in rest[2:]] == rows
    problems = FormErrors()
    check(components, problems, v2=True)
    check_layout(components, [name for name, _ in files], problems, v2=True)
    problems.check()


def test_without_buttons_it_is_the_text_alone() -> None:
    """A message of components cannot become a plain one."""
    assert [part["type"] for _, part in walk(shown(layout_of("done", None, CARD)))] == [10]
