"""A fresh ground for programs in sandboxes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acp.process.sandboxed_ground import Ground


@pytest.fixture(params=["", "nobody"], ids=["this-account", "nobody"])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """The ground of this account, and as root that of one without rights too."""
    if request.param and os.getuid() != 0:
        pytest.skip("only root can become another account")
    # Another account cannot enter the directories that pytest makes.
    folder = Path(tempfile.mkdtemp(prefix="sandbox-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    found = Ground(request.param, folder)
    found.cwd.mkdir()
    found.own()
    yield found
    shutil.rmtree(folder)
