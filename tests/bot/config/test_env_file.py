"""The file of variables next to a configuration."""

from pathlib import Path

import pytest

from bot.config import error_texts as texts
from bot.config.document import ConfigError
from bot.config.env_file import read_variables, variables_path, write_variables


def test_the_file_is_next_to_its_configuration() -> None:
    """With the same stem."""
    assert variables_path(Path("/etc/threadline/team.toml")) == Path("/etc/threadline/team.env")


def test_written_variables_are_read_back_and_private(tmp_path: Path) -> None:
    """Mode 0600 from the start, also over a file that others could read; comments are no variables."""
    path = tmp_path / "threadline.env"
    path.write_text("OLD=1\n")
    write_variables(path, ["# a note", "DISCORD_TOKEN=MTIz.a=b#c", "# OTHER=", "KEY=two words"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_variables(path) == {"DISCORD_TOKEN": "MTIz.a=b#c", "KEY": "two words"}
    assert [each.name for each in tmp_path.iterdir()] == ["threadline.env"]


def test_lines_are_read_as_service_managers_read_them(tmp_path: Path) -> None:
    """Quotes around a value are removed, `export` is allowed, a value may be empty."""
    path = tmp_path / "a.env"
    path.touch(mode=0o600)
    path.write_text("# note\n\nA=\"x y\"\n export B='z'\nC=\nD=it's\n")
    assert read_variables(path) == {"A": "x y", "B": "z", "C": "", "D": "it's"}


def test_no_file_means_no_variables(tmp_path: Path) -> None:
    """The file is optional."""
    assert read_variables(tmp_path / "none.env") == {}


@pytest.mark.parametrize(
    ("mode", "text", "words"),
    [
        (0o640, "A=1\n", ["a.env: other accounts can read this file; run: chmod 600 {path}"]),
        (0o600, "A=1\nnonsense\nB=2\nC D\n", [f"a.env:{number}: {texts.NOT_A_VARIABLE}" for number in (2, 4)]),
    ],
)
def test_a_readable_or_mistyped_file_is_refused(tmp_path: Path, mode: int, text: str, words: list[str]) -> None:
    """A file that others can read is not used; each mistyped line has its number."""
    path = tmp_path / "a.env"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        read_variables(path)
    assert str(caught.value).splitlines() == [f"{tmp_path}/{line.format(path=path)}" for line in words]
