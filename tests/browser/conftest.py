"""One Chromium for all of a worker's tests: each has tabs of its own, without cookies or a history."""

from collections.abc import Iterator

import pytest

from tests.browser.chrome import chromium, find


@pytest.fixture(scope="session", name="chromium")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Chromium; the test is skipped where there is none to run."""
    if find() is None:
        pytest.skip("no Chromium here: install Debian's chromium to run the browser tests")
    with chromium(tmp_path_factory.mktemp("browser")) as address:
        yield address
