"""The corpus: answers in the shapes of real agents, and what Discord is to get of each."""

from pathlib import Path

from acp import Text
from bot.config.appearance import Style
from bot.render.transcript import Transcript

FOLDER = Path(__file__).parent / "corpus"
ANSWERS = sorted(path for path in FOLDER.glob("*.md") if not path.name.endswith(".discord.md"))
DIRECTORY = "/srv/project"
"""Where the agents work."""

PAGE_BREAK = "\n\n<!-- page -->\n\n"


class NoNames:
    """Knows no names."""

    def user(self, user_id: int) -> str | None:
        """Return no name."""

    def role(self, role_id: int) -> str | None:
        """Return no name."""

    def channel(self, channel_id: int) -> str | None:
        """Return no name."""


def expected(answer: Path) -> Path:
    """Return the file with an answer's pages."""
    return answer.with_suffix(".discord.md")


def pages_of(text: str, size: int = 0) -> list[str]:
    """Return the pages of a text that comes at once, or in chunks of `size` characters."""
    transcript = Transcript(Style(directory=DIRECTORY))
    for at in range(0, len(text), size or len(text)):
        transcript.apply(Text(text[at : at + (size or len(text))]))
        transcript.pages()
    transcript.end()
    return transcript.pages()
