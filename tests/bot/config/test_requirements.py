"""The conditions of a start: the bot's own files out of agents' reach, and the program that wraps an agent."""

from pathlib import Path

import pytest

from bot.config import error_texts as texts
from bot.config.document import ConfigError
from bot.config.load import load
from bot.config.schema import Config
from bot.config.secrets import secrets_of
from loopback.harness import in_toml


def written(folder: Path, agent: str = "", rest: str = "") -> Path:
    """Write a configuration whose agent works in `project`; create a directory `other` too."""
    for name in ("project", "other"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "threadline.toml"
    cwd = "" if "cwd =" in agent else f"cwd = {in_toml(str(folder / 'project'))}\n"
    path.write_text(f'[discord]\ntoken = "t0ken"\n[agents.default]\ncommand = "sh"\n{cwd}{agent}\n{rest}\n')
    return path


def complaint(path: Path) -> str:
    """Return the one line of the error."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("agent", "rest", "key", "file"),
    [
        ('cwd = "."', "", "[agents.default] cwd", "threadline.toml"),
        ('additional_directories = ["other", "."]', "", "[agents.default] additional_directories", "threadline.toml"),
        ("", '[channels.5]\ncwd = "."', "[channels.5] cwd", "threadline.toml"),
        ("", '[agents.second]\ncommand = "sh"\ncwd = "."', "[agents.second] cwd", "threadline.toml"),
        ("", '[journal]\npath = "project/deep/journal.db"', "[agents.default] cwd", "project/deep/journal.db"),
        ("", '[journal]\npath = "link/journal.db"', "[agents.default] cwd", "link/journal.db"),
        ("", '[audit]\npath = "project/audit.jsonl"', "[agents.default] cwd", "project/audit.jsonl"),
        ('cwd = "back"', "", "[agents.default] cwd", "threadline.toml"),
    ],
)
def test_the_bots_own_files_where_an_agent_works_are_refused_in_one_line(
    tmp_path: Path, agent: str, rest: str, key: str, file: str
) -> None:
    """Configuration, journal, audit log; in any agent's directory, through links on either side."""
    path = written(tmp_path, agent, rest)
    (tmp_path / "link").symlink_to(tmp_path / "project")
    (tmp_path / "back").symlink_to(tmp_path)
    line = complaint(path)
    assert f": {key}: {texts.exposed(tmp_path / file)}" in line


def test_the_file_of_variables_counts_before_it_exists(tmp_path: Path) -> None:
    """Variables are read next to a link's target."""
    path = written(tmp_path)
    (tmp_path / "project" / "real.toml").write_text(path.read_text())
    path.unlink()
    path.symlink_to(tmp_path / "project" / "real.toml")
    assert "the agent could read and change" in complaint(path)


def test_a_link_that_an_agent_could_redirect_is_refused(tmp_path: Path) -> None:
    """Its present target does not matter: on the way to the configuration, or to the journal through a second link."""
    path = written(tmp_path)
    link = tmp_path / "project" / "threadline.toml"
    link.symlink_to(path)
    assert f"the agent could read and change {link} there" in complaint(link)
    (tmp_path / "project" / "state").symlink_to(tmp_path / "other")
    (tmp_path / "state").symlink_to("project/state")
    path = written(tmp_path, rest='[journal]\npath = "state/../state/journal.db"')
    assert "journal.db there" in complaint(path)


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    """Opening the journal reports that error."""
    (tmp_path / "circle").symlink_to("circle")
    load(written(tmp_path, rest='[journal]\npath = "circle/journal.db"'))


def test_an_inaccessible_path_of_the_bots_own_is_no_error_here(tmp_path: Path) -> None:
    """Opening the file reports the reason."""
    path = written(tmp_path, rest=f'[journal]\npath = "/{"x" * 300}/threadline.db"')
    assert load(path).journal.file.name == "threadline.db"


def test_files_outside_the_project_are_accepted(tmp_path: Path) -> None:
    """Also where one name begins with the other."""
    config = load(written(tmp_path, rest='[journal]\npath = "project-state/journal.db"'))
    assert config.journal.file == tmp_path / "project-state" / "journal.db"
    (tmp_path / "link.toml").symlink_to("project-state/../project/../threadline.toml")
    (tmp_path / "project-state").mkdir()
    assert load(tmp_path / "link.toml").file == tmp_path / "threadline.toml"


def test_a_program_around_the_agent_gets_its_command_and_its_directory(tmp_path: Path) -> None:
    """Before command and arguments; `{cwd}` is the directory, or the channel's own."""
    config = load(written(tmp_path, 'args = ["-c", "{cwd}"]\nwrap = ["env", "--chdir={cwd}", "--"]'))
    launch = config.agents.default.launch()
    assert (launch.command, launch.args) == ("env", (f"--chdir={tmp_path / 'project'}", "--", "sh", "-c", "{cwd}"))
    other = config.agents.default.model_copy(update={"cwd": tmp_path / "other"})
    assert f"--chdir={tmp_path / 'other'}" in other.launch().args


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ('wrap = ["no-such-sandbox"]', '[agents.default] wrap: the command "no-such-sandbox" was not found'),
        ('wrap = ["env"]\nclient = ["terminal"]', 'client = ["terminal"] runs commands outside the program in wrap'),
        ("wrap = 'env'", "[agents.default] wrap: must be a list"),
        ('wrap = [""]', "[agents.default] wrap, entry 1: is empty"),
    ],
)
def test_a_program_that_cannot_be_put_around_the_agent_is_said(tmp_path: Path, agent: str, said: str) -> None:
    """A typing error must not run an agent outside its sandbox."""
    assert said in complaint(written(tmp_path, agent))


# ---- secrets


def secrets(folder: Path, agent: str, environ: dict[str, str]) -> set[str]:
    """Return the secret values of the configuration."""
    path = written(folder, agent)
    config: Config = load(path, environ)
    return set(secrets_of(config))


def test_secrets_are_the_token_and_what_agents_are_given_that_is_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From variables, under secret names, inherited; not paths, and not plain settings."""
    monkeypatch.setenv("AN_API_KEY", "inherited-key")
    monkeypatch.setenv("EDITOR", "an-editor")
    agent = """\
inherit_env = ["AN_API_KEY", "EDITOR", "NOT_SET_TOKEN"]
env = { A = "${ONE}", B = "plainly set", MY_PASSWORD = "told-by-name", WHERE = "${PLACE}", HOME_KEY = "~/key" }
mcp_servers = [
  { name = "a", url = "https://a.example/", headers = { Authorization = "Bearer ${TWO}" } },
  { name = "c", url = "https://c.example/", headers = { Authorization = "Bearer written-down" } },
  { name = "b", command = "sh", env = { SECRET_WORD = "of-the-server", LEVEL = "debugging" } },
]
"""
    environ = {"ONE": "first-variable", "TWO": "second-variable", "PLACE": "/etc/not-there"}
    found = secrets(tmp_path, agent, environ)
    assert found >= {"t0ken", "inherited-key", "first-variable", "second-variable", "told-by-name", "of-the-server"}
    assert "written-down" in found
    assert not found & {"an-editor", "plainly set", "/etc/not-there", "debugging", "~/key"}


@pytest.mark.parametrize("key", ["/wJalrXUtnFEMI/K7MDENG+bPxRfiCY=", "~Tr0ub4dor", ".hidden.1234"])
def test_a_key_that_begins_like_a_path_is_a_secret_all_the_same(tmp_path: Path, key: str) -> None:
    """Base64 contains slashes: such a key was shown in threads and logs."""
    assert key in secrets(tmp_path, f'env = {{ API_KEY = "{key}" }}', {})


FAR = """\
[places.worker1]
host = "worker1"
[agents.far]
command = "not-on-this-machine"
cwd = "/not/on/this/machine"
additional_directories = ["/neither"]
places = ["worker1"]
[[agents.far.mcp_servers]]
name = "files"
command = "not-on-this-machine-either"
"""


def test_what_an_agent_needs_on_another_machine_is_not_looked_for_here(tmp_path: Path) -> None:
    """Its directories, its command and its servers' commands; nor a channel's directory there."""
    channel = '[channels.5]\nagent = "far"\nagents = ["far"]\ncwd = "/not/here"'
    assert load(written(tmp_path, rest=FAR + channel)).agents.by_name["far"].places == ("worker1",)


def test_the_bots_own_files_are_no_matter_of_a_directory_of_another_machine(tmp_path: Path) -> None:
    """Although this one has a directory of the same name."""
    rest = FAR.replace("/not/on/this/machine", str(tmp_path))
    assert load(written(tmp_path, rest=f"{rest}[channels.5]\nplaces = ['worker1']\ncwd = {in_toml(str(tmp_path))}"))


@pytest.mark.parametrize(
    ("rest", "key"),
    [
        (FAR.replace('["worker1"]', '["worker1", "here"]'), "[agents.far] cwd"),
        (f'{FAR}[channels.5]\nagent = "far"\nplaces = ["here"]', "[agents.far] cwd"),
        (f'{FAR}[channels.5]\nagents = ["far"]\ncwd = "/not/here"', "[channels.5] cwd"),
        (f'{FAR}[channels.5]\nagent = "far"\nagents = ["far"]\nplaces = ["here"]\ncwd = "/x"', "[channels.5] cwd"),
    ],
)
def test_an_agent_that_may_run_here_too_needs_everything_here(tmp_path: Path, rest: str, key: str) -> None:
    """By its own places, or by those of a channel."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, rest=rest))
    assert f"{key}: " in str(caught.value)
