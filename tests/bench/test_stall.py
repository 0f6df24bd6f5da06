import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from bench.hostile_input import CASES, MB, SHAPES
from bench.timed_bot import Holds

OTHERS = [name for name in CASES if name.partition(":")[2] not in SHAPES]

HELD = """
import asyncio, sys
from pathlib import Path
from bench import timed_bot

class Seen(timed_bot._Sampler):
    def __init__(self):
        super().__init__()
        seen.append(self)

seen, timed_bot._Sampler = [], Seen
timed_bot.Holds(Path(sys.argv[1])).watch()

def hold_the_loop():
    while not seen[0].where:
        pass

async def main():
    asyncio.get_running_loop().call_soon(hold_the_loop)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
"""


def test_the_longest_hold_is_reported_with_the_function_that_held_the_loop(tmp_path: Path) -> None:
    """Another process reads it, which resets the longest hold."""
    holds = Holds(tmp_path / "holds")
    subprocess.run([sys.executable, "-c", HELD, str(tmp_path / "holds")], check=True, timeout=60)
    hold = holds.take()
    assert 0 < hold.cpu <= hold.wall
    assert "hold_the_loop" in hold.where
    assert holds.take().cpu == 0


@pytest.mark.parametrize("name", OTHERS)
def test_a_case_is_the_same_each_time_and_json_unless_it_is_about_lines(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hold can be measured again, and measures more than the parser's refusal."""
    monkeypatch.chdir(tmp_path)  # One case writes a file there.
    first, again = (list(islice(CASES[name].lines("sess"), 3)) for _ in range(2))
    assert first == again
    for line in () if name.startswith("line") else first:
        assert b"\n" not in line
        assert json.loads(line)["jsonrpc"] == "2.0"


def test_a_shape_comes_in_small_chunks_and_as_a_megabyte() -> None:
    """The megabyte is counted in bytes, whatever the shape's characters take."""
    for name in SHAPES:
        *pieces, whole = CASES[f"text:{name}"].lines("sess")
        assert len(json.loads(whole)["params"]["update"]["content"]["text"].encode()) >= 0.9 * MB
        assert len(pieces) == 10_000
