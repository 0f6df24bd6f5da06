"""The documentation site builds without a warning, and fetches no file from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
BOUND = 100.0


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags name functions of extensions."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    """Every page, link and anchor; no script, style, font or picture of another server."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    pages = list(tmp_path.glob("*.html"))
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} <= {page.stem for page in pages}
    for page in pages:
        text = page.read_text()
        fetched = re.findall(r'<(?:script|img|iframe|source)[^>]+src="(https?:[^"]+)"', text)
        fetched += re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect|icon)"[^>]+href="(https?:[^"]+)"', text)
        assert fetched == [], page.name


def test_every_page_is_reached_from_the_menu_and_from_the_first_page() -> None:
    """Once in the menu; the first page links to each."""
    config = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader=_Loader)  # noqa: S506 - our own file

    def files(entries: list[object]) -> list[str]:
        found = []
        for entry in entries:
            (value,) = entry.values() if isinstance(entry, dict) else (entry,)
            found += files(value) if isinstance(value, list) else [str(value)]
        return found

    pages = sorted(page.name for page in (ROOT / "docs").glob("*.md"))
    assert sorted(files(config["nav"])) == pages
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", (ROOT / "docs/index.md").read_text()))
    assert linked | {"index.md"} == set(pages)
