"""The accessibility checker axe-core, from npm."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.browser.chrome import Page

FOLDER = Path(__file__).parent
INSTALL_BOUND = 90.0
# Without install scripts, and without requests other than for the package.
NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")

RUN = """
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.flatMap(({ id, help, nodes }) =>
  nodes.map(({ html, failureSummary }) => [id, help, html.slice(0, 300), failureSummary].join("\\n  "))))
"""


async def source() -> str:
    """Install the locked checker, and return its script. Skips the test if that is impossible."""
    lock, stamp = (FOLDER / "package-lock.json").read_text(), FOLDER / "node_modules" / ".installed"
    if not stamp.exists() or stamp.read_text() != lock:
        await _install()
        stamp.write_text(lock)
    return (FOLDER / "node_modules/axe-core/axe.min.js").read_text()


async def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine: accessibility is not checked")
    process = await asyncio.create_subprocess_exec(
        npm, *NPM_CI, cwd=FOLDER, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(INSTALL_BOUND):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        pytest.skip("npm did not install axe-core in time")
    if process.returncode != 0:
        pytest.skip(f"npm could not install axe-core: {said.decode(errors='replace')[-300:]}")


async def violations(page: Page, script: str) -> list[str]:
    """Return the page's violations of all rules, best practices included."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(f"{script}; undefined")
    found: list[str] = await page.evaluate(RUN)
    return found
