"""What `crossbar export` and `crossbar import` have in common: the store, how far they are, and how they end."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import rich_click as click

from ..app import Crossbar
from ..errors import CrossbarError, SettingsError, StoreError
from ..settings import Settings
from ..stores.whole import WholeStore, is_whole
from ..transfer.patience import Patience
from ..transfer.progress import Progress, line
from .assembly import assemble, closed_after
from .output import Failure, echo, shown

_REWRITTEN = 0.2  # seconds between two states of the line on a terminal
_LOGGED = 5.0  # seconds between two lines elsewhere

T = TypeVar("T")

wait_option = click.option(
    "--wait",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="For how long a store that is lost on the way is waited for.",
)


def moved(settings: Settings, work: Callable[[Crossbar, WholeStore, Meter], Awaitable[T]], *, quiet: bool) -> T:
    """What the work gives with the store of the settings; Failure if it fails, with the way to go on."""
    if settings.store.url.startswith("memory:"):
        raise Failure("a store in memory is gone with its process: name another with --store", 2)
    app, _ = assemble(settings)
    store = app.store
    if not is_whole(store):
        raise Failure(
            f"the store {shown(settings.store.url)} cannot be moved: its plugin does not have what "
            "crossbar.stores.whole.WholeStore asks for",
            2,
        )
    meter = Meter(quiet=quiet)
    try:
        return asyncio.run(_alone(app, store, work, meter))
    except KeyboardInterrupt:
        meter.end()
        echo("crossbar: the same command goes on where this one ended", err=True)
        raise click.Abort from None


async def _alone(
    app: Crossbar, store: WholeStore, work: Callable[[Crossbar, WholeStore, Meter], Awaitable[T]], meter: Meter
) -> T:
    async with closed_after(app):
        try:
            return await work(app, store, meter)
        except SettingsError as error:
            raise Failure(shown(str(error)), 2) from None
        except CrossbarError as error:
            raise Failure(shown(str(error))) from None
        except OSError as error:
            raise Failure(
                f"{error.filename or 'the archive'}: {error.strerror}; then run the same command again"
            ) from None
        finally:
            meter.end()


def patience_of(meter: Meter, seconds: int) -> Patience:
    """The patience of a command that says on standard error when, and what, it waits for."""

    def waits(error: StoreError) -> None:
        meter.end()
        echo(shown(f"crossbar: {error}; waiting for up to {seconds} seconds"), err=True)

    return Patience(seconds, waits)


def source_of(settings: Settings) -> str:
    """What tells the store from others, without giving away its URL, which may hold a password."""
    return hashlib.sha256(settings.store.url.encode()).hexdigest()[:32]


class Meter:
    """Shows how far something is on standard error: a line that is rewritten on a terminal, else one now and then."""

    def __init__(self, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._terminal = sys.stderr.isatty()
        self._doing = ""
        self._since = self._shown = clock()

    def __call__(self, progress: Progress) -> None:
        """Show a moment, unless another one was shown just before."""
        now = self._clock()
        if progress.doing != self._doing:
            self._doing, self._since = progress.doing, self._shown if not self._doing else now
        if self._quiet or now - self._shown < (_REWRITTEN if self._terminal else _LOGGED):
            return
        self._shown = now
        told = line(progress, now - self._since)
        if self._terminal:
            told = f"\r\x1b[2K{told[: shutil.get_terminal_size().columns - 1]}"
        echo(told, err=True, nl=not self._terminal)

    def end(self) -> None:
        """Take the line of the terminal away."""
        if self._terminal and not self._quiet:
            echo("\r\x1b[2K", err=True, nl=False)
