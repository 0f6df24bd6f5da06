"""The table of known agents: what a preset fills, what overrides it, and what the page about agents says."""

import os
import re
import shlex
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest

from bot.config import error_texts as texts
from bot.config.agents import AgentConfig
from bot.config.document import ConfigError
from bot.config.load import load
from bot.config.presets import PRESETS, Preset
from bot.config.requirements import warnings

PAGE = Path(__file__).parents[3] / "docs" / "agents.md"
TOKEN = {"DISCORD_TOKEN": "a token that opens nothing"}


def agent(tmp_path: Path, text: str) -> AgentConfig:
    """Load a configuration with that text in the agent's table, and a directory that exists."""
    (tmp_path / "project").mkdir(exist_ok=True)
    path = tmp_path / "threadline.toml"
    path.write_text(f'[discord]\ntoken = "${{DISCORD_TOKEN}}"\n[agents.default]\ncwd = "project"\n{text}\n')
    return load(path, TOKEN).agents.default


@pytest.fixture
def _all_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program on PATH for each command of the table."""
    for preset in PRESETS.values():
        (tmp_path / preset.command).touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.usefixtures("_all_installed")
def test_a_preset_and_a_directory_are_enough(tmp_path: Path, name: str) -> None:
    """Command, arguments, mode and variables come from the table."""
    preset, loaded = PRESETS[name], agent(tmp_path, f'preset = "{name}"')
    assert (loaded.command, loaded.args, loaded.mode) == (preset.command, preset.args, preset.mode)
    assert (loaded.env, loaded.inherit_env) == (dict(preset.env), preset.inherit_env)
    assert loaded.known_preset is preset


@pytest.mark.parametrize("name", PRESETS)
def test_configured_keys_override_the_preset(tmp_path: Path, name: str) -> None:
    """For every key, also with an empty value."""
    text = f'preset = "{name}"\ncommand = "{sys.executable}"\nargs = []\nmode = ""\ninherit_env = []\n'
    loaded = agent(tmp_path, text)
    assert (loaded.command, loaded.args, loaded.mode, loaded.inherit_env) == (sys.executable, (), "", ())


def test_a_configured_variable_leaves_the_presets_others(tmp_path: Path) -> None:
    """A key must not remove what makes the agent ask; a variable of the same name is replaced."""
    known = f'preset = "opencode"\ncommand = "{sys.executable}"\n'
    (name, value) = next(iter(PRESETS["opencode"].env.items()))
    assert agent(tmp_path, known + 'env = { KEY = "1" }').env == {name: value, "KEY": "1"}
    assert agent(tmp_path, known + f'env = {{ {name} = "own" }}').env == {name: "own"}


def test_a_presets_variables_reach_the_agent_and_no_others_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named ones, where they are set."""
    monkeypatch.setenv("MISTRAL_API_KEY", "key")
    monkeypatch.setenv("OPENAI_API_KEY", "of no concern")
    monkeypatch.delenv("VIBE_HOME", raising=False)
    environment = agent(tmp_path, f'preset = "vibe"\ncommand = "{sys.executable}"').environment()
    assert environment["MISTRAL_API_KEY"] == "key"
    assert not {"OPENAI_API_KEY", "VIBE_HOME"} & set(environment)


def test_an_unknown_preset_is_one_error_that_lists_the_known_ones_or_the_nearest(tmp_path: Path) -> None:
    """On its own line, without a second error about the command."""
    with pytest.raises(ConfigError) as caught:
        agent(tmp_path, 'preset = "other"')
    (line,) = str(caught.value).splitlines()
    place = f"{tmp_path}/threadline.toml:5: [agents.default] preset"
    assert line == f"{place}: there is no such preset; choose one of: {', '.join(PRESETS)}"
    with pytest.raises(ConfigError, match=r"there is no such preset; did you mean claude\?$"):
        agent(tmp_path, 'preset = "claud"')


def test_a_preset_that_is_no_text_is_an_error_of_its_own(tmp_path: Path) -> None:
    """Never a traceback."""
    with pytest.raises(ConfigError, match=r"\[agents\.default\] preset: "):
        agent(tmp_path, 'preset = ["claude"]')


def test_without_a_preset_the_command_is_still_required(tmp_path: Path) -> None:
    """There is no default."""
    with pytest.raises(ConfigError, match=r"\[agents\.default\] command: is missing"):
        agent(tmp_path, 'preset = ""')


def test_an_agent_that_is_not_installed_is_an_error_that_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preset has the command."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        agent(tmp_path, 'preset = "kimi"')
    assert f'"kimi" was not found; to install it: {PRESETS["kimi"].install}' in str(caught.value)


def test_a_session_id_is_quoted_for_the_shell() -> None:
    """It comes from an agent; a person pastes the line."""
    line = PRESETS["claude"].continuing("a; rm -r b")
    assert shlex.split(line) == ["claude", "--resume", "a; rm -r b"]
    assert PRESETS["fast-agent"].continuing("a") == ""


@pytest.mark.parametrize("name", PRESETS)
def test_a_line_of_the_table_makes_sense(name: str) -> None:
    """No secret of the bot is inherited, required variables are, and texts read as sentences."""
    preset = PRESETS[name]
    assert not [variable for variable in preset.inherit_env if "DISCORD" in variable]
    assert set(preset.any_of) <= set(preset.inherit_env)
    assert preset.login or preset.any_of
    assert not preset.resume or preset.resume.count("{session_id}") == 1
    assert "://" not in repr(preset)
    assert all(re.fullmatch(r"[A-Z].*[.)]", quirk) for quirk in preset.quirks)


def test_what_an_agent_does_itself_also_when_refused_is_warned_of(tmp_path: Path) -> None:
    """The question would seem to protect a file that it does not; for another agent it does."""
    for name, warned in (("opencode", True), ("claude", False)):
        text = f'preset = "{name}"\ncommand = "{sys.executable}"\nclient = ["fs"]\n[access]\nchannels = ["1"]'
        agent(tmp_path, text)
        found = warnings(load(tmp_path / "threadline.toml", TOKEN))
        assert found == ([texts.useless_client("default", "fs")] if warned else [])


# ---- docs/agents.md


def section(name: str, preset: Preset) -> str:
    """Return the section that the page must have for a preset."""
    lines = [f"**Starts** `{shlex.join((preset.command, *preset.args))}`.", f"**Install**: {preset.install}."]
    if preset.login:
        lines.append(f"**Log in**: `threadline login` runs `{shlex.join(preset.login)}`.")
    if preset.any_of:
        other = "Or set" if preset.login else "**Log in**: there is no command for it; set"
        lines.append(f"{other} {'one of ' if len(preset.any_of) > 1 else ''}{_code(preset.any_of)}.")
    lines.append(f"**Asks**: {f'in mode `{preset.mode}`' if preset.mode else 'in `default` or `ask`, if it has one'}.")
    if preset.env:
        lines.append(f"**Is given** {_code(f'{variable}={value}' for variable, value in preset.env.items())}.")
    lines.append(f"**Inherits** {_code(preset.inherit_env)}.")
    if preset.resume:
        lines.append(f"**Continue in a terminal**, in the same directory: `{preset.continuing('SESSION')}`.")
    lines += [*preset.quirks, f"Source: {preset.source}."]
    wrapping = textwrap.TextWrapper(118, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    wrapped = [wrapping.fill(f"- {line}") for line in lines]
    return f'## `preset = "{name}"`: {preset.title}\n\n' + "\n".join(wrapped) + "\n"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


@pytest.mark.parametrize("name", PRESETS)
def test_the_page_about_agents_says_what_the_table_says(name: str) -> None:
    """Word for word: a changed fact changes the page."""
    assert section(name, PRESETS[name]) in PAGE.read_text()


def test_the_page_about_agents_has_no_section_too_many() -> None:
    """In the order of the table."""
    assert re.findall(r'^## `preset = "(.+)"`', PAGE.read_text(), re.MULTILINE) == list(PRESETS)


def test_every_place_that_lists_the_presets_lists_them_all() -> None:
    """The key's description and the example, in the order of the table."""
    for place, quote, start in (
        ("docs/configuration.md", "`", "`agents.default.preset`"),
        ("config.example.toml", '"', ""),
    ):
        text = (PAGE.parents[1] / place).read_text().partition(start or "[agents.default]")[2]
        listed = text.partition("that Threadline knows: ")[2].partition(". ")[0].replace("\n#", "")
        assert re.findall(rf"{quote}([\w-]+){quote}", listed) == list(PRESETS), place
