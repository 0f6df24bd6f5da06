"""Where the configuration is looked for."""

from pathlib import Path

import pytest

from bot.config.search import find, places


def test_the_working_directory_comes_before_xdg_and_the_variable_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that exists counts."""
    here, home = tmp_path / "here", tmp_path / "home"
    (home / "threadline").mkdir(parents=True)
    here.mkdir()
    monkeypatch.chdir(here)
    environ = {"XDG_CONFIG_HOME": str(home)}
    assert find(environ) == Path("threadline.toml")
    (home / "threadline" / "threadline.toml").touch()
    assert find(environ) == home / "threadline" / "threadline.toml"
    (here / "threadline.toml").touch()
    assert find(environ) == Path("threadline.toml")
    (tmp_path / "named.toml").touch()
    assert find({**environ, "THREADLINE_CONFIG": str(tmp_path / "named.toml")}) == tmp_path / "named.toml"


def test_a_variable_that_names_no_file_leads_to_no_other_one(tmp_path: Path) -> None:
    """A mistyped variable must not start another bot."""
    missing = tmp_path / "missing.toml"
    assert places({"THREADLINE_CONFIG": str(missing), "XDG_CONFIG_HOME": str(tmp_path)}) == (missing,)
    assert find({"THREADLINE_CONFIG": str(missing)}) == missing


def test_xdgs_default_is_below_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as unset, as the specification has it."""
    monkeypatch.setenv("HOME", "/home/ann")
    default = Path("/home/ann/.config/threadline/threadline.toml")
    assert places({"XDG_CONFIG_HOME": "", "THREADLINE_CONFIG": ""}) == (Path("threadline.toml"), default)
