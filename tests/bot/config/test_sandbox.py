"""The table of an agent's sandbox: what the agent gets, and what is refused before the start."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from bot.config import error_texts as texts
from bot.config.document import ConfigError
from bot.config.load import load
from bot.config.requirements import warnings
from bot.config.schema import Config
from loopback.harness import in_toml

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def configured(folder: Path, box: str = "", agent: str = "", rest: str = "") -> Config:
    """Load a configuration whose default agent works in `project`, in a sandbox."""
    for name in ("project", "other", "bot"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "bot" / "threadline.toml"
    cwd = "" if "cwd =" in agent else f"cwd = {in_toml(str(folder / 'project'))}\n"
    path.write_text(
        f'[discord]\ntoken = "t0ken"\n[journal]\npath = "journal.db"\n[agents.default]\ncommand = "sh"\n{cwd}{agent}\n'
        f'[agents.default.sandbox]\nengine = "bwrap"\n{box}\n{rest}\n'
    )
    return load(path)


def complaint(folder: Path, box: str = "", agent: str = "", rest: str = "") -> str:
    """Return the one line of the error."""
    with pytest.raises(ConfigError) as caught:
        configured(folder, box, agent, rest)
    (line,) = str(caught.value).splitlines()
    return line


def test_an_agent_has_a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that say where the person's agent keeps its files are left out, unless the configuration sets them."""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "TMPDIR", "KEY"):
        monkeypatch.setenv(name, f"/of/the/person/{name}")
    config = configured(
        tmp_path,
        agent='inherit_env = ["CODEX_HOME", "CLAUDE_CONFIG_DIR", "KEY"]\nenv = { CLAUDE_CONFIG_DIR = "/mine" }',
    )
    launch = config.agents.default.launch((tmp_path / "files",))
    home = tmp_path / "bot" / "journal.homes" / "default"
    assert launch.env["HOME"] == str(home)
    assert launch.env["CLAUDE_CONFIG_DIR"] == "/mine"
    assert launch.env["KEY"] == "/of/the/person/KEY"
    assert not {"CODEX_HOME", "TMPDIR"} & launch.env.keys()
    assert launch.sandbox is not None
    assert launch.sandbox.made == (home, tmp_path / "files")


def test_the_files_of_a_known_agent_in_the_persons_home_can_be_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that exist, and nothing else of the home. A warning says what that means."""
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.setenv("CODEX_HOME", "/elsewhere")
    for name in (".codex", ".ssh"):
        (tmp_path / "person" / name).mkdir(parents=True)
    config = configured(tmp_path, 'state = "shared"', 'preset = "codex"')
    launch = config.agents.default.launch()
    assert launch.env["HOME"] == str(tmp_path / "person")
    assert launch.env["CODEX_HOME"] == "/elsewhere"
    assert launch.sandbox is not None
    assert launch.sandbox.writable == (tmp_path / "project", tmp_path / "person" / ".codex")
    assert launch.sandbox.made == ()
    assert texts.shared_state("default") in warnings(config)
    unknown = configured(tmp_path, 'state = "shared"').agents.default.launch()
    assert unknown.sandbox is not None
    assert unknown.sandbox.writable == (tmp_path / "project",)


def test_the_bots_own_files_are_hidden_and_programs_are_shown(tmp_path: Path) -> None:
    """Configuration, journal, other homes and people's files; programs of MCP servers, also in a channel's folder."""
    config = configured(
        tmp_path,
        f'network = "none"\nread = ["{tmp_path}/other"]',
        'mcp_servers = [{ name = "one", command = "sh" }, { name = "two", url = "http://x.example" }]',
    )
    box = config.agents.default.model_copy(update={"cwd": tmp_path / "other"}).launch().sandbox
    assert box is not None
    assert box.network == "none"
    assert box.readable == (tmp_path / "other",)
    assert box.writable == (tmp_path / "other",)
    assert box.programs == ("sh", "sh")
    bot = tmp_path / "bot"
    assert {bot / name for name in ("threadline.toml", "journal.db", "journal.homes", "journal.attachments")} <= {
        *box.hidden
    }


def test_the_directories_of_all_agents_and_channels_are_known_to_each(tmp_path: Path) -> None:
    """One that lies in another cannot be replaced by a link then. Agents without a sandbox are no matter."""
    rest = (
        f'[agents.two]\ncommand = "sh"\ncwd = "{tmp_path}/other"\nadditional_directories = ["{tmp_path}/bot/more"]\n'
        '[agents.two.sandbox]\nengine = "bwrap"\n[agents.free]\ncommand = "sh"\ncwd = "/usr"\n'
        f'[channels.5]\ncwd = "{tmp_path}/project/sub"\n[channels.6]\ncwd = "/usr"\nagent = "free"\nagents = ["free"]'
    )
    (tmp_path / "bot" / "more").mkdir(parents=True)
    (tmp_path / "project" / "sub").mkdir(parents=True)
    box = configured(tmp_path, rest=rest).agents.default.launch().sandbox
    assert box is not None
    assert set(box.shared) == {tmp_path / each for each in ("project", "other", "bot/more", "project/sub")}


def test_the_clients_files_and_terminals_belong_to_the_sandbox(tmp_path: Path) -> None:
    """What runs by itself is protected from the client's writes too; without a sandbox nothing changes."""
    agent = configured(tmp_path, agent='client = ["fs", "terminal"]').agents.default
    offered = agent.client_offer("m/1")
    assert isinstance(offered.file_system, partial)
    assert offered.file_system.keywords["protected"](tmp_path / "project" / ".git" / "config")
    assert offered.terminals is not None
    off = agent.model_copy(update={"sandbox": agent.sandbox.model_copy(update={"engine": "off"})})
    assert not isinstance(off.client_offer("m/1").file_system, partial)
    assert off.launch().sandbox is None


def test_a_warm_agent_has_no_sandbox(tmp_path: Path) -> None:
    """It is started before its thread is known."""
    assert texts.WARM_IN_SANDBOX in complaint(tmp_path, agent="warm = 1")


def test_a_missing_engine_is_named_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a program of the bot's."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert f"[agents.default.sandbox] engine: {texts.SANDBOX_MISSING}" in complaint(tmp_path)


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    """With its place in the list. Relative paths start at the configuration's folder."""
    line = complaint(tmp_path, 'read = ["../other", "gone"]')
    assert f"[agents.default.sandbox] read, entry 2: {texts.no_path(tmp_path / 'bot' / 'gone')}" in line


@pytest.mark.parametrize("key", ["read", "write"])
def test_the_bots_own_files_in_a_directory_of_the_sandbox_are_refused(tmp_path: Path, key: str) -> None:
    """Files that are made later could not be hidden."""
    line = complaint(tmp_path, f'{key} = ["."]')
    assert f"[agents.default.sandbox] {key}: {texts.exposed(tmp_path / 'bot' / 'threadline.toml')}" in line


@pytest.mark.parametrize(
    ("box", "agent", "rest", "key"),
    [
        ("", 'cwd = "~"', "", "[agents.default] cwd"),
        ('read = ["~/.."]', "", "", "[agents.default.sandbox] read"),
        ("", "", '[channels.5]\ncwd = "~"', "[channels.5] cwd"),
    ],
)
def test_the_whole_home_is_not_a_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, box: str, agent: str, rest: str, key: str
) -> None:
    """Its keys would be visible."""
    home = tmp_path / "homes" / "person"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    assert f"{key}: the sandbox would contain the whole home directory" in complaint(tmp_path, box, agent, rest)


def test_the_home_is_allowed_where_no_sandbox_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a channel whose agents have none."""
    home = tmp_path / "homes" / "person"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    free = '[agents.free]\ncommand = "sh"\ncwd = "~"\n[channels.5]\nagent = "free"\nagents = ["free"]\ncwd = "~"'
    assert configured(tmp_path, rest=free).channels[5].cwd == str(home)


def test_other_places_have_no_such_sandbox(tmp_path: Path) -> None:
    """A warning says so; they may have their own."""
    config = configured(
        tmp_path, agent='places = ["here", "worker1"]', rest='[places.worker1]\nengine = "docker"\nimage = "agents:1"'
    )
    assert texts.only_sandboxed_here("default", ["worker1"]) in warnings(config)
