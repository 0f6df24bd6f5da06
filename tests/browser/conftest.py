"""One Chromium for all tests of a worker. Each test has its own tabs, without cookies or a history."""

from collections.abc import Iterator

import pytest

from tests.browser.chrome import chromium, find


@pytest.fixture(scope="session", name="chromium")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a running Chromium. Skips the test if there is none."""
    if find() is None:
        pytest.skip("no Chromium here: install Debian's chromium to run the browser tests")
    with chromium(tmp_path_factory.mktemp("browser")) as address:
        yield address
