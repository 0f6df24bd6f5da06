"""Secrets that nobody has told the bot of, known by their shape: what services call their keys. Pure."""

import re

from .redaction import MARK

__all__ = ["without_tokens"]

_SHAPES = re.compile(
    r"\b(?:"
    r"sk-[\w-]{20,}|[rs]k_(?:live|test)_\w{16,}"  # Anthropic, OpenAI and others; Stripe
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"  # GitHub, GitLab
    r"|xox[abeoprs]-[\w-]{10,}|hf_\w{20,}|npm_\w{20,}|pypi-[\w-]{20,}"  # Slack, Hugging Face, npm, PyPI
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,}"  # AWS, Google
    r"|[MNO][\w-]{22,28}\.[\w-]{6}\.[\w-]{27,}"  # Discord
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"  # JSON Web Token
    r")",
    re.ASCII,
)


def without_tokens(text: str) -> str:
    """Take out what looks like a key. For short texts that more people see than meant to: names, errors."""
    return _SHAPES.sub(MARK, text)
