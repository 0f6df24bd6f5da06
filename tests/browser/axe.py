"""The accessibility checker axe-core, from npm."""

from pathlib import Path

from tests.browser.chrome import Page
from tests.support.npm_packages import install_locked

FOLDER = Path(__file__).parent

RUN = """
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.flatMap(({ id, help, nodes }) =>
  nodes.map(({ html, failureSummary }) => [id, help, html.slice(0, 300), failureSummary].join("\\n  "))))
"""


async def source() -> str:
    """Install the locked checker, and return its script. Skips the test if that is impossible."""
    await install_locked(FOLDER, "axe-core")
    return (FOLDER / "node_modules/axe-core/axe.min.js").read_text()


async def violations(page: Page, script: str) -> list[str]:
    """Return the page's violations of all rules, best practices included."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(f"{script}; undefined")
    found: list[str] = await page.evaluate(RUN)
    return found
