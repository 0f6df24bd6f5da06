import shutil
import sys
from pathlib import Path

import pytest

from acp.places import far_commands, runner
from tests.acp.places.routes import route

pytestmark = pytest.mark.real_time

THREADLINE = str(Path(sys.executable).with_name("threadline"))


@pytest.mark.skipif(shutil.which(THREADLINE) is None, reason="threadline is not installed in this environment")
async def test_an_installed_threadline_is_a_runner(tmp_path: Path) -> None:
    """It becomes one: nothing of what its command line has loaded stays."""
    installed = route(command=(THREADLINE, "runner"))
    assert (await far_commands.hello(installed)).version == runner.VERSION
    line = 'tr "\\0" " " < /proc/$PPID/cmdline'
    ran = await far_commands.run(installed, ["sh", "-c", line], cwd=tmp_path)
    assert ran.output.decode().split()[1:] == ["-I", runner.__file__]
