"""Reads the changes in a directory of another machine, in one command there.

The command runs as the account of the agent, which gains nothing by what a repository's configuration makes it do. So
plain git reads the repository itself, other than on this machine (`git_changes`). Only its index and its objects are
copies, since the comparison adds new files to them.
"""

from pathlib import Path
from typing import Final

import structlog

from acp import AcpError, Place, PlaceUnreachable, RequestTimeout, SpawnFailed
from bot.user_messages import agent_errors
from bot.user_messages import git_errors as texts

from .git_changes import LARGEST, LISTED, Changes, format_status
from .git_safety import GitFailed

COMPARE_SECONDS: Final = 60.0
"""Bound of the whole comparison."""

_NO_GIT: Final = 20
_NO_REPOSITORY: Final = 21
"""Exit statuses of the script, which git does not use."""

_SCRIPT: Final = f"""\
command -v git > /dev/null || exit {_NO_GIT}
export LC_ALL=C GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0
changes() {{ git --no-pager -c core.fsmonitor= -c core.quotePath=false "$@"; }}
top=$(git rev-parse --show-toplevel) && [ -n "$top" ] || exit {_NO_REPOSITORY}
index=$(git rev-parse --git-path index) && objects=$(git rev-parse --path-format=absolute --git-path objects) || exit
own=$(mktemp -d) || exit
trap 'rm -rf "$own"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$own/objects" && {{ ! [ -e "$index" ] || cp -p "$index" "$own/index"; }} || exit
export GIT_INDEX_FILE="$own/index" GIT_OBJECT_DIRECTORY="$own/objects"
export GIT_ALTERNATE_OBJECT_DIRECTORIES="$objects"
head=$(git rev-parse --verify --quiet 'HEAD^{{tree}}') || head=$(git hash-object -t tree /dev/null) || exit
remarks=
changes add --intent-to-add --ignore-errors -- . || remarks=unread
if changes ls-files --stage -- . | grep -q '^160000 '; then remarks="$remarks nested"; fi
compared() {{
    changes diff --no-ext-diff --no-textconv --no-color --ignore-submodules=dirty --submodule=short --find-renames \\
        --relative "$@" "$head" -- .
}}
compared --quiet || [ $? = 1 ] || exit
echo "$remarks"
compared --name-status | head -c {LISTED}
printf '\\0'
compared --binary
"""
"""Prints a line with remarks, the beginning of the file list, a null character, and the patch."""

log = structlog.stdlib.get_logger("bot")


async def read_far_changes(place: Place, directory: Path) -> Changes:
    """Compare a directory at `place` with the last commit, new files included. Raises `GitFailed`."""
    argv = ("sh", "-c", _SCRIPT)
    most = LARGEST + LISTED + len("unread nested\n\0")
    try:
        ran = await place.run(argv, cwd=directory, max_output=most, seconds=COMPARE_SECONDS)
    except AcpError as error:
        raise GitFailed(_reason(error)) from None
    if ran.exit_status == _NO_GIT:
        raise GitFailed(texts.not_run(texts.NOT_INSTALLED))
    if ran.exit_status == _NO_REPOSITORY:
        raise GitFailed(texts.NO_REPOSITORY)
    head, separator, patch = ran.output.partition(b"\0")
    if not separator or (ran.exit_status != 0 and not ran.cut):
        log.info("changes cannot be compared", place=place.name, exit_status=ran.exit_status)
        raise GitFailed(texts.failed("diff"))
    remarks, _, status = head.partition(b"\n")
    return Changes(
        format_status(status),
        patch[:LARGEST],
        cut=ran.cut or len(patch) > LARGEST,
        unread=b"unread" in remarks,
        nested=b"nested" in remarks,
    )


def _reason(error: AcpError) -> str:
    match error:
        case SpawnFailed():
            return agent_errors.start_problem(error)
        case RequestTimeout(seconds=seconds):
            return texts.too_slow(seconds)
        case PlaceUnreachable(place, detail):
            return texts.not_reached(place, detail)
    return str(error)
