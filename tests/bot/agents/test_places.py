"""The places of a configuration, by name."""

from pathlib import Path

from acp.places.here import HERE, Here
from bot.agents.places import Places
from bot.config.load import load


def test_this_machine_is_always_there_and_each_table_is_a_place(tmp_path: Path) -> None:
    """By its name, in the order of the file."""
    path = tmp_path / "threadline.toml"
    (tmp_path / "project").mkdir()
    path.write_text(
        '[discord]\ntoken = "t0ken"\n[agents.default]\ncommand = "sh"\ncwd = "project"\n'
        '[places.worker2]\nhost = "b"\n[places.worker1]\nhost = "a"\nmax_agents = 3\nmemory = "2GiB"\n'
    )
    places = Places(load(path), "0123abcd")
    assert list(places) == [HERE, "worker2", "worker1"]
    assert isinstance(places[HERE], Here)
    assert [place.near for place in places.values()] == [True, False, False]
    assert len(places) == 3
    assert places["worker1"].name == "worker1"
    assert [(room.place.name, room.max_agents, room.memory) for room in places.far] == [
        ("worker2", 8, 0),
        ("worker1", 3, 2 * 1024**3),
    ]
