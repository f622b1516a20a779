"""``python -m dbsnap`` and the ``dbsnap`` command."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from dbsnap.cli import run  # noqa: PLC0415 - a Ctrl-C while this imports shows no traceback
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
