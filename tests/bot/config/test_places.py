"""The tables of other machines: what they become, and what is wrong with them."""

from pathlib import Path

import pytest

from bot.config import error_texts as texts
from bot.config.document import ConfigError
from bot.config.load import load
from bot.config.reload import apply_reloadable
from bot.config.requirements import warnings
from bot.config.schema import Config


def written(folder: Path, rest: str) -> Path:
    """Write a configuration with an agent whose table `rest` continues."""
    (folder / "project").mkdir(exist_ok=True)
    path = folder / "threadline.toml"
    agent = f'[agents.default]\ncommand = "sh"\ncwd = "{folder / "project"}"\n'
    path.write_text(f'[discord]\ntoken = "t0ken"\n[access]\nchannels = ["5"]\n{agent}{rest}')
    return path


def loaded(folder: Path, rest: str) -> Config:
    """Load such a configuration."""
    return load(written(folder, rest))


def complaint(folder: Path, rest: str) -> str:
    """Return what is wrong with it, behind the file and the line."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, rest)
    (line,) = str(caught.value).splitlines()
    return line.partition(": ")[2]


def test_a_host_alone_is_a_place_that_ssh_reaches(tmp_path: Path) -> None:
    """Its options are those of ssh."""
    config = loaded(tmp_path, 'places = ["worker1"]\n[places.worker1]\nhost = "worker1"\noptions = ["-p", "2222"]\n')
    engine = config.places["worker1"].command_lines()
    assert (engine.host, engine.host_options, engine.options, engine.enter) == ("worker1", ("-p", "2222"), (), ())
    assert config.agents.default.places == ("worker1",)


def test_the_engine_fills_the_command_lines_that_the_table_leaves_out(tmp_path: Path) -> None:
    """One of the table's own wins; the options are those of the engine's command."""
    table = '[places.batch]\nengine = "slurm"\nhost = "login"\noptions = ["-p", "long"]\nreap = ["true"]\n'
    engine = loaded(tmp_path, table).places["batch"].command_lines()
    assert engine.enter[0] == "srun"
    assert engine.reap == ("true",)
    assert (engine.host, engine.host_options, engine.options) == ("login", (), ("-p", "long"))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[places.w]\n", f"[places.w]: {texts.PLACE_NEEDS_HOST}"),
        ('[places.w]\nhost = "w"\nreap = ["end", "{name}"]\n', f"[places.w]: {texts.REAP_BY_NAME}"),
        ('[places.w]\nengine = "docker"\nhost = "b"\n', f"[places.w]: {texts.place_needs_image('docker')}"),
        ('[places.here]\nhost = "b"\n', f"[places.here]: {texts.HERE_IS_THIS_MACHINE}"),
        ('[places."a b"]\nhost = "b"\n', f'[places."a b"]: {texts.no_places_name("a b")}'),
        ('[places.w]\nhost = "-oProxyCommand=x"\n', f"[places.w] host: {texts.NOT_A_HOST}"),
        ('[places.w]\nhost = "b"\nfiles = "tmp"\n', f"[places.w] files: {texts.NOT_ABSOLUTE_THERE}"),
        ('[places.w]\nhost = "b"\nrunner = []\n', "[places.w] runner: "),
        ('[places.w]\nhosts = "b"\n', "[places.w] hosts: unknown key; did you mean host?"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_at_its_line(tmp_path: Path, table: str, said: str) -> None:
    """A host that begins with a hyphen would be an option of ssh."""
    assert complaint(tmp_path, table).startswith(said)


@pytest.mark.parametrize(
    ("rest", "key"),
    [
        ('places = ["worker2"]\n', "[agents.default] places"),
        ('[channels.5]\nplaces = ["here", "worker2"]\n', "[channels.5] places"),
    ],
)
def test_a_place_without_a_table_is_said_with_those_that_exist(tmp_path: Path, rest: str, key: str) -> None:
    """In an agent's table and in a channel's."""
    known = texts.no_such_place("worker2", (), "worker1")
    assert complaint(tmp_path, f'{rest}[places.worker1]\nhost = "b"\n') == f"{key}: {known}"


def test_an_agent_of_other_machines_needs_absolute_directories(tmp_path: Path) -> None:
    """What a relative one or a home is relative to would differ there."""
    rest = '[agents.far]\ncommand = "sh"\ncwd = "~/project"\nplaces = ["w"]\n[places.w]\nhost = "b"\n'
    assert complaint(tmp_path, rest) == f"[agents.far]: {texts.relative_elsewhere(Path('~/project'))}"


def test_a_channel_of_other_machines_needs_an_absolute_directory(tmp_path: Path) -> None:
    """For the same reason."""
    rest = '[channels.5]\ncwd = "~/project"\nplaces = ["w"]\n[places.w]\nhost = "b"\n'
    assert complaint(tmp_path, rest) == f"[channels.5]: {texts.relative_elsewhere(Path('~/project'))}"


def test_an_agent_with_a_sandbox_does_not_start_where_it_would_have_none(tmp_path: Path) -> None:
    """A container is one, and what `enter` starts may be."""
    sandbox = '[agents.default.sandbox]\nengine = "bwrap"\n'
    said = texts.no_sandbox_there("w")
    bare = '[places.w]\nhost = "b"\n'
    assert complaint(tmp_path, f'places = ["w"]\n{sandbox}{bare}') == f"[agents.default] places: {said}"
    channel = '[channels.5]\nplaces = ["w"]\n'
    assert complaint(tmp_path, f"{sandbox}{channel}{bare}") == f"[channels.5] places: {said}"
    for place in (f'{bare}enter = ["bwrap"]\n', '[places.w]\nengine = "docker"\nimage = "agents:1"\n'):
        loaded(tmp_path, f'places = ["w"]\n{sandbox}{place}')
    loaded(tmp_path, f'places = ["w"]\n{bare}')


def test_settings_without_effect_elsewhere_and_agents_too_large_are_warned_about(tmp_path: Path) -> None:
    """An agent that runs here too uses them here."""
    place = '[places.w]\nhost = "b"\nmemory = "1GiB"\n'
    far = loaded(tmp_path, f'warm = 1\nclient = ["fs"]\nmemory = "2GiB"\nplaces = ["w"]\n{place}')
    assert warnings(far) == [
        texts.only_here("default", "warm"),
        texts.only_here("default", "client"),
        texts.too_large_for("default", "w"),
    ]
    assert warnings(loaded(tmp_path, f'warm = 1\nmemory = "1GiB"\nplaces = ["w", "here"]\n{place}')) == []


def test_a_channels_places_are_applied_by_a_reload_and_a_new_place_waits_for_the_restart(tmp_path: Path) -> None:
    """Agents that run at a place keep it as it was."""
    table = '[places.w]\nhost = "b"\n'
    running = loaded(tmp_path, table)
    done = apply_reloadable(running, loaded(tmp_path, f'[channels.5]\nplaces = ["w"]\n{table}'))
    assert done.applied == ("channels.5",)
    assert done.config.channels[5].places == ("w",)
    new = f'[channels.5]\nplaces = ["v"]\n{table}max_agents = 3\n[places.v]\nhost = "c"\n'
    done = apply_reloadable(running, loaded(tmp_path, new))
    assert done.applied == ()
    assert done.waiting == ("channels.5", "places.w.max_agents", "places.v")
    assert done.config.places == running.places


def test_a_launch_says_which_variables_hold_on_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that the configuration sets hold everywhere."""
    monkeypatch.setenv("HOME", "/home/bot")
    monkeypatch.setenv("STATE_DIR", "/home/bot/state")
    monkeypatch.setenv("API_KEY", "key")
    launch = loaded(
        tmp_path,
        'memory = "1GiB"\nenv = { PATH = "/opt/bin:/usr/bin:/bin", A = "1" }\ninherit_env = ["STATE_DIR", "API_KEY"]\n',
    ).agents.default.launch()
    assert launch.memory == 1024**3
    assert {"HOME", "STATE_DIR"} <= launch.local_env
    assert "API_KEY" not in launch.local_env
    assert launch.env["PATH"] == "/opt/bin:/usr/bin:/bin"
    assert launch.local_env.isdisjoint({"PATH", "A"})


def test_an_engines_client_gets_the_variables_that_it_needs_and_those_that_are_named(tmp_path: Path) -> None:
    """No others: Slurm passes its client's variables on."""
    place = loaded(tmp_path, '[places.w]\nengine = "slurm"\ninherit_env = ["SITE"]\n').places["w"]
    assert place.client_variables == ("SSH_AUTH_SOCK", "SLURM_CONF", "SITE")
