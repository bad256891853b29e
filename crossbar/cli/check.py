"""`crossbar check`: whether a server would come up with these settings, without starting one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import rich_click as click

from ..errors import SchemaError, SettingsError
from ..settings import from_environment, known_keys
from ..stores.choose import store_at
from .assembly import assemble_unopened, config_option, doubts
from .output import Failure, echo, print_json, shown

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
        if list(checked) == ["settings"]:
            echo("store, modules and schemas: not checked, since the settings are wrong")
    if faults:
        raise SystemExit(1)


def checkup(config: str | None) -> tuple[dict[str, int], list[Fault]]:
    """How many things of each sort were looked at, and all that is wrong with them."""
    faults: list[Fault] = []
    try:
        settings = from_environment(config)
    except SettingsError as error:
        # NOTE: with other settings than those that are meant, all else would be other things than those that are meant.
        return {"settings": len(known_keys())}, [("settings", shown(fault)) for fault in error.faults]
    checked = {"settings": len(known_keys())}
    try:
        app, broken = assemble_unopened(settings)
    except Failure as failure:
        if failure.faults:
            return checked, [("settings", fault) for fault in failure.faults]
        return checked | {"modules": 0}, [("modules", failure.message)]
    faults += _faults("store", lambda: store_at(settings.store.url, others=app.plugins.named("stores")))
    faults += [("modules", sentence) for sentence in broken]
    faults += [("settings", sentence) for sentence in doubts(app)]
    for name in app.schemas.names():
        faults += _faults("schemas", lambda name=name: app.schemas.compiled(name))  # type: ignore[misc]
    checked |= {"store": 1, "modules": len(app.registry), "schemas": len(app.schemas.names())}
    return checked, faults


def _faults(subject: str, trial: Callable[[], object]) -> Iterator[Fault]:
    """What a trial finds wrong, nothing if it passes."""
    try:
        trial()
    except SettingsError as error:
        yield from ((subject, shown(fault)) for fault in error.faults)
    except SchemaError as error:
        yield subject, str(error)
