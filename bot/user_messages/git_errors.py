"""Why `/diff` has no patch. Each text follows a colon. Pure."""

NO_REPOSITORY = "the agent's folder is not in a git repository"

OTHER_FOLDER = "the repository's working tree is in another folder"

FOREIGN = "its .git leads to a repository that does not name this folder"

BORROWED = "the repository uses objects that are stored elsewhere"

NOT_INSTALLED = "it is not installed on the agent's machine"

TOO_LARGE = "the repository is too large"


def no_answer(folder: object) -> str:
    """Report a file system that hangs."""
    return f"the folder {folder} does not answer"


def not_regular(file: str) -> str:
    """Report a link, a device or a directory in place of one of git's own files."""
    return f"the repository's file {file} is not a regular file"


def unreadable(file: str, reason: str | None) -> str:
    """Report one of git's own files that cannot be opened."""
    return f"the repository's file {file} cannot be read: {reason}"


def not_run(reason: str | None) -> str:
    """Report a git that the system does not start."""
    return f"git cannot be run: {reason}"


def failed(command: str) -> str:
    """Report a git command that ended with an error."""
    return f"git {command} failed"


def too_slow(seconds: float) -> str:
    """Report a git command that was ended."""
    return f"git took more than {seconds:.0f} s"


def not_reached(place: str, detail: str) -> str:
    """Report a machine that cannot be reached."""
    return f"{place} cannot be reached{f': {detail}' if detail else ''}"
