"""`crossbar check`: whether a server would come up with these settings, without starting one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import rich_click as click

from ..errors import SchemaError, SettingsError
from ..settings import Settings, from_environment
from .assembly import assemble_unopened, config_option, shown
from .output import Failure, echo, print_json

Fault = tuple[str, str]
"""What was checked, and what is wrong with it."""


@click.command("check", short_help="Check settings, modules and schemas.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: `ok`, `checked` and a list of `faults`.")
@config_option
def command(as_json: bool, config: str | None) -> None:
    """Check settings, store URL, endpoint modules and schemas, and print every fault.

    The store is not opened; only the form of its URL is checked.

    Examples:
        crossbar check --config crossbar.toml
        crossbar check --json && systemctl restart crossbar

    Exit codes:
        0  all is in order
        1  there are faults
    """
    checked, faults = checkup(config)
    if as_json:
        print_json(
            {
                "ok": not faults,
                "checked": checked,
                "faults": [{"in": subject, "fault": fault} for subject, fault in faults],
            }
        )
    else:
        for subject, count in checked.items():
            wrong = [fault for where, fault in faults if where == subject]
            echo(f"{subject}: {count} checked, {f'{len(wrong)} wrong:' if wrong else 'all in order'}")
            for fault in wrong:
                echo(f"  {fault}")
    if faults:
        raise SystemExit(1)


def checkup(config: str | None) -> tuple[dict[str, int], list[Fault]]:
    """How many things of each sort were looked at, and all that is wrong with them."""
    faults: list[Fault] = []
    try:
        settings = from_environment(config)
    except SettingsError as error:
        faults += [("settings", shown(fault)) for fault in error.faults]
        settings = Settings()
    checked = {"settings": _count_settings(settings), "store": 1}
    faults += _faults("store", lambda: _try_store(settings.store.url))
    try:
        app, broken = assemble_unopened(settings)
    except Failure as failure:
        faults.append(("modules", failure.message))
        return checked | {"modules": 0}, faults
    faults += [("modules", sentence) for sentence in broken]
    for name in app.schemas.names():
        faults += _faults("schemas", lambda name=name: app.schemas.compiled(name))  # type: ignore[misc]
    return checked | {"modules": len(app.registry), "schemas": len(app.schemas.names())}, faults


def _count_settings(settings: Settings) -> int:
    from ..settings import known_keys

    return len(known_keys())


def _try_store(url: str) -> None:
    from ..stores.choose import store_at

    store_at(url)


def _faults(subject: str, trial: Callable[[], object]) -> Iterator[Fault]:
    """What a trial finds wrong, nothing if it passes."""
    try:
        trial()
    except SettingsError as error:
        yield from ((subject, shown(fault)) for fault in error.faults)
    except SchemaError as error:
        yield subject, str(error)
