"""The command line. Nothing is imported before a command needs it, so that `crossbar run` is quick to start."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments of this process name."""
    from .commands import crossbar

    crossbar()
