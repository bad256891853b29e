"""`crossbar`: the table of commands, each imported when it is asked for, and how an error is told."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import rich_click as click

from .._version import __version__
from .output import Failure, echo

COMMANDS = {
    "run": "run",
    "dev": "dev",
    "demo": "demo",
    "explain": "explain",
    "routes": "routes",
    "modules": "modules",
    "new": "new",
    "check": "check",
    "call": "call",
    "token": "token",
    "key": "key",
    "reload": "reload",
    "settings": "settings",
    "store": "store",
    "targets": "targets",
    "export": "export",
    "import": "importing",
}
"""The name of each command, and the file of this package that holds it."""


class Commands(click.RichGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f".{COMMANDS[cmd_name]}", __package__).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with, or the name that may have been meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, 1, 0.5)
            meant = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {name!r}. {meant}")
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run a command and leave: errors in full dress on a terminal, and as plain lines elsewhere."""
        extra["standalone_mode"] = False
        try:
            code = super().main(args, **extra)
        except click.UsageError as error:
            if sys.stderr.isatty():
                formatter = self._error_formatter()
                formatter.write_error(error)
                echo(formatter.getvalue(), err=True, nl=False)
            else:
                path = error.ctx.command_path if error.ctx is not None else "crossbar"
                echo(f"{path}: {error.format_message()} Try '{path} --help'.", err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            echo(f"crossbar: {error.format_message()}", err=True)
            sys.exit(error.code if isinstance(error, Failure) else error.exit_code)
        except click.Abort:
            echo("crossbar: interrupted", err=True)
            sys.exit(130)
        sys.exit(code if isinstance(code, int) else 0)


# Boxes are for people; a page that goes on to a program has none.
HELP = {"text_paragraph_linebreaks": "\n\n", "theme": "default-box" if sys.stdout.isatty() else "plain-slim"}


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "rich_help_config": HELP})
@click.version_option(__version__, prog_name="crossbar", message="%(prog)s %(version)s")
@click.pass_context
def crossbar(ctx: click.Context) -> None:
    """Serve a REST API in the manner of Kazoo's Crossbar, and look into it.

    Each command has its own help: crossbar COMMAND --help

    Environment:
        CROSSBAR__TABLE__KEY  a setting, such as CROSSBAR__SERVER__PORT=9000
        CROSSBAR_CONFIG       the configuration file, without --config
        CROSSBAR_URL          the server of call and token, without --url
        NO_COLOR              no colours, on terminals either

    Exit codes:
        0    done
        1    failed; standard error says why
        2    wrong arguments or settings
        3    no server there
        130  stopped by Ctrl+C
    """
    if "NO_COLOR" in os.environ:
        ctx.color = False
