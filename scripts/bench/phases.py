"""One restore in a process of its own, and how long each phase of it took.

``python phases.py URL BACKUPS DATABASE FILE``: the only backup in a directory goes into a new database;
the seconds of each phase go into the file, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.postgres.url import parse_url
from dbsnap.progress import NoProgress

CHECKING, LOADING, ANALYSING = "checking", "loading", "analysing"
READING, COMPARING, GIVING = "reading", "comparing", "giving"


class Times(NoProgress):
    """Adds up the seconds of each phase; its name is the first word of what a person is told."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._phase = ""
        self._began = 0.0

    def phase(self, text: str, *, total_bytes: int | None = None) -> None:
        """Begin a phase."""
        del total_bytes
        self.done()
        self._phase, self._began = text.split(maxsplit=1)[0], time.perf_counter()

    def done(self) -> None:
        """End the current phase."""
        if self._phase:
            seconds = time.perf_counter() - self._began
            self.seconds[self._phase] = self.seconds.get(self._phase, 0) + seconds
            self._phase = ""


def main(url: str, directory: str, name: str, output: str) -> None:
    """Restore, and write the file."""
    (dump,) = (
        path
        for path in Path(directory).glob("backup_2*")
        if ".sql" in path.suffixes and not path.stem.endswith("_privileges")
    )
    times = Times()
    options = RestoreOptions(to=name, jobs=os.cpu_count() or 1)
    restore(dump, parse_url(url), confirm=lambda _: None, options=options, progress=times)
    Path(output).write_text(json.dumps(times.seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
