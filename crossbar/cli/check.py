"""`crossbar check`: whether a server would come up with these settings, without starting one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import rich_click as click

from ..app import Crossbar
from ..errors import SchemaError, SettingsError
from ..settings import Settings, from_environment, known_keys
from ..stores.choose import store_at
from .assembly import assemble_unopened, config_option, doubts, load_settings
from .output import Failure, echo, print_json, shown

if TYPE_CHECKING:
    from ..gateway.trying import Trial

Fault = tuple[str, str]
"""What was checked, and what is wrong with it."""


@dataclass(slots=True)
class Checkup:
    """How many things of each sort were looked at, what is wrong with them, what is odd, and what became of tries."""

    checked: dict[str, int]
    faults: list[Fault] = field(default_factory=list)
    doubts: list[Fault] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; doubts are none of that."""
        return not self.faults and all(trial.ok for trial in self.trials)

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "ok": self.ok,
            "checked": self.checked,
            "faults": [{"in": subject, "fault": fault} for subject, fault in self.faults],
            "doubts": [{"in": subject, "doubt": doubt} for subject, doubt in self.doubts],
            "targets": [trial._asdict() for trial in self.trials],
        }


@click.command("check", short_help="Check settings, modules and schemas.")
@click.option("--targets", is_flag=True, help="Try the targets and issuers of a gateway, too.")
@click.option("--show-defaults", is_flag=True, help="Print every setting in force as TOML, and check nothing.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a settings file, and check nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: `ok`, `checked`, and lists of `faults` and `doubts`."
)
@config_option
def command(targets: bool, show_defaults: bool, schema: bool, as_json: bool, config: str | None) -> None:
    """Check settings, store URL, endpoint modules, schemas and gateway, and print every fault.

    The store is not opened; only the form of its URL is checked. Of a gateway, certificates are read and names are
    looked up, and what is possible but odd is told as a doubt. With --targets, each target is connected to, with its
    TLS, and asked what its health check asks, and the keys of each issuer are fetched.

    Examples:
        crossbar check --config crossbar.toml
        crossbar check --json && systemctl restart crossbar
        crossbar check --config gateway.toml --targets
        crossbar check --schema > settings.schema.json

    Exit codes:
        0  all is in order, but for doubts
        1  there are faults
        2  the settings are wrong (--show-defaults)
    """
    if schema:
        from ..settings.shape import shape

        print_json(shape())
        return
    if show_defaults:
        from .in_force import in_force

        echo(in_force(load_settings(config)), nl=False)
        return
    found = checkup(config, targets=targets)
    if as_json:
        print_json(found.as_json())
    else:
        _print(found)
    if not found.ok:
        raise SystemExit(1)


def checkup(config: str | None, *, targets: bool = False) -> Checkup:
    """Look at everything; with `targets`, what a gateway needs of others is tried as well."""
    found = Checkup({"settings": len(known_keys())})
    try:
        settings = from_environment(config)
    except SettingsError as error:
        # NOTE: with other settings than those that are meant, all else would be other things than those that are meant.
        found.faults = [("settings", shown(fault)) for fault in error.faults]
        return found
    try:
        app, broken = _assembled(settings, found)
    except Failure as failure:
        if failure.faults:
            found.faults += [("settings", fault) for fault in failure.faults]
        else:
            found.checked["modules"] = 0
            found.faults.append(("modules", failure.message))
        return found
    found.faults += _faults(
        "store", lambda: store_at(settings.store.url, others=app.plugins.named("stores"), settings=settings.store)
    )
    found.faults += [("modules", sentence) for sentence in broken]
    found.faults += [("settings", sentence) for sentence in doubts(app)]
    for name in app.schemas.names():
        found.faults += _faults("schemas", lambda name=name: app.schemas.compiled(name))  # type: ignore[misc]
    nouns = len(app.gateway.current.nouns) if app.gateway is not None else 0
    found.checked |= {"store": 1, "modules": len(app.registry) - nouns, "schemas": len(app.schemas.names())}
    if _has_gateway(settings):
        _check_gateway(app, settings, found, targets=targets)
    return found


def _has_gateway(settings: Settings) -> bool:
    return bool(settings.upstream or settings.provider or settings.route or settings.gateway.trusted)


def _assembled(settings: Settings, found: Checkup) -> tuple[Crossbar, list[str]]:
    """The application; without its gateway if that cannot be made, so that all else is checked all the same."""
    try:
        return assemble_unopened(settings)
    except Failure as failure:
        if not failure.faults or not _has_gateway(settings):
            raise
        # PERF: what only a gateway needs is imported where there is one.
        from .gateway_check import told_apart, without_gateway

        made = assemble_unopened(without_gateway(settings))
        found.faults += told_apart(failure.faults)
        return made


def _check_gateway(app: Crossbar, settings: Settings, found: Checkup, *, targets: bool) -> None:
    """Look at what is beyond the form of the settings of a gateway, if that is right."""
    from .gateway_check import gateway_in, looked_at, told_apart, tried

    found.checked |= {"upstreams": len(settings.upstream), "providers": len(settings.provider)}
    found.checked |= {"routes": len(settings.route)}
    if app.settings is not settings:
        return
    try:
        gateway = gateway_in(app)
    except SettingsError as error:
        found.faults += told_apart([*map(shown, error.faults)])
        return
    named, odd = looked_at(gateway, app.dialects)
    found.faults += named
    found.doubts += odd
    if targets:
        found.trials = tried(gateway)
        found.checked["targets"] = len(found.trials)


def _print(found: Checkup) -> None:
    for subject, count in found.checked.items():
        if subject == "targets":
            continue
        wrong = [fault for where, fault in found.faults if where == subject]
        odd = [doubt for where, doubt in found.doubts if where == subject]
        doubtful = f"; {len(odd)} {'doubt' if len(odd) == 1 else 'doubts'}" if odd else ""
        colon = ":" if wrong or odd else ""
        echo(f"{subject}: {count} checked, {f'{len(wrong)} wrong' if wrong else 'all in order'}{doubtful}{colon}")
        for fault in wrong:
            echo(f"  {fault}")
        for doubt in odd:
            echo(f"  doubt: {doubt}")
    if list(found.checked) == ["settings"]:
        echo("store, modules and schemas: not checked, since the settings are wrong")
    if "targets" in found.checked:
        wrong = [trial.what for trial in found.trials if not trial.ok]
        echo(f"targets: {len(found.trials)} tried, {f'{len(wrong)} wrong' if wrong else 'all in order'}:")
        for trial in found.trials:
            echo(f"  {trial.name} {trial.what}: {trial.told}{f'; doubt: {trial.doubt}' if trial.doubt else ''}")


def _faults(subject: str, trial: Callable[[], object]) -> Iterator[Fault]:
    """What a trial finds wrong, nothing if it passes."""
    try:
        trial()
    except SettingsError as error:
        yield from ((subject, shown(fault)) for fault in error.faults)
    except SchemaError as error:
        yield subject, str(error)
