"""What the shell offers for FILE and ``--target`` when the tab key is pressed; click does the rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from dbsnap import config
from dbsnap.archive.storage import LATEST, entries
from dbsnap.errors import DbsnapError

if TYPE_CHECKING:
    import click


def backup_names(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer ``latest`` and the ids of the backups, newest first, or else the files there are.

    Where something is wrong nothing is offered: the command itself will say what.
    """
    try:
        found = entries(_settings(context).directory)
    except DbsnapError:
        found = []
    offered = [CompletionItem(LATEST, help="the newest backup")] if found else []
    for entry in reversed(found):
        reason = entry.summary.reason if entry.summary else entry.status
        offered.append(CompletionItem(entry.id, help=" ".join(reason.split()) or None))
    fitting = [item for item in offered if item.value.startswith(incomplete)]
    return fitting or [CompletionItem(incomplete, type="file")]


def target_names(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the targets of the project in the working directory."""
    try:
        names = _settings(context).configured
    except DbsnapError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _settings(context: click.Context) -> config.Settings:
    flags = config.Flags(directory=context.params.get("directory"))
    return config.load_settings(directory=Path.cwd(), environment=os.environ, flags=flags)
