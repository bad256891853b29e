"""Plugins: endpoints and the other parts that people bring, from folders, installed packages and lists of objects."""

from .adjusting import doubtful
from .changes import Changes
from .declared import declare
from .folder import BUNDLED, Folder, bundled_folder
from .found import Found, Source, schema_files
from .outcome import Outcome
from .plugin import DISABLED, OK, OUT_OF_ORDER, PREVIOUS, STOPPED, Plugin
from .roster import Roster

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
    "doubtful",
    "schema_files",
]
