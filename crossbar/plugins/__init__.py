"""Plugins: endpoints and the other parts that people bring, from folders, installed packages and lists of objects."""

from .changes import Changes, Outcome
from .declared import declare
from .folder import BUNDLED, Folder, bundled_folder, schema_files
from .found import Found, Source
from .roster import DISABLED, OK, OUT_OF_ORDER, PREVIOUS, STOPPED, Plugin, Roster

__all__ = [
    "BUNDLED",
    "DISABLED",
    "OK",
    "OUT_OF_ORDER",
    "PREVIOUS",
    "STOPPED",
    "Changes",
    "Folder",
    "Found",
    "Outcome",
    "Plugin",
    "Roster",
    "Source",
    "bundled_folder",
    "declare",
    "schema_files",
]
