"""`crossbar reload`: another configuration for a running server, at once and without dropping a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import rich_click as click

from . import admin
from .assembly import config_option, load_settings
from .modules import folder_in, port_option
from .output import Failure, echo, print_json


class Reloaded(NamedTuple):
    """What a server has taken over, the tables that wait for its next start, and how many processes it has."""

    changes: list[str]
    later: list[str]
    processes: int

    def told(self) -> Iterator[str]:
        """The same, a line each."""
        yield from self.changes
        for table in self.later:
            yield f"{table}: waits for the next start"
        if not self.changes:
            yield "nothing has changed"


@click.command("reload", short_help="Have a running server take over its changed configuration.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: `changes`, `later` and the number of `processes`.")
@port_option
@config_option
def command(as_json: bool, port: int | None, config: str | None) -> None:
    """Have a running server read its configuration file again, and take over what changed of its gateway.

    These are the tables [gateway], [upstream.*], [provider.*] and [[route]]. Requests and WebSockets under way end with
    what they began with; upstreams that did not change keep their connections. All other settings wait for the next
    start, and are named.

    Every process of the server tries the file first. If one of them finds a fault, the old configuration goes on in all
    of them. The file, the environment and the options are those that the server was started with; --config and --port
    only say which server is meant. SIGHUP has a server do the same, and tell of it in its log.

    Examples:
        crossbar reload
        crossbar reload --config gateway.toml

    Exit codes:
        0  every process has the new configuration, or nothing had changed
        1  the configuration has faults; the old one goes on
        2  the options are wrong, or the file is no TOML; the old configuration goes on
        3  no server runs there
    """
    folder = folder_in(load_settings(config, {"server.port": port}, lenient=True))
    found = reloaded(folder)
    if as_json:
        print_json(found._asdict())
        return
    for line in found.told():
        echo(line)


def reloaded(folder: Path) -> Reloaded:
    """Have every process of the server with this admin folder try its configuration, and then take it over.

    Failure, with the faults, if one of them finds any: then nothing has changed; or if no server answers.
    """
    tried = [*admin.ask(folder, {"do": "try"})]
    for answer in tried:
        if not answer["ok"]:
            faults = answer["faults"]
            raise Failure("\n  ".join(["the old configuration goes on; the new one has faults:", *faults]), 1, faults)
    changes = _together(tried, "changes")
    processes = _configured(folder, tried[0]["digest"]) if changes else len(tried)
    return Reloaded(changes, _together(tried, "later"), processes)


def _together(tried: Sequence[dict[str, Any]], what: str) -> list[str]:
    """What any of the processes tells; one of them may have missed an earlier change."""
    return [*dict.fromkeys(each for answer in tried for each in answer[what])]


def _configured(folder: Path, digest: str) -> int:
    """Have every process take over what was tried, also one that began meanwhile; how many have."""
    done: set[str] = set()
    while {path.stem for path in folder.glob("*.sock")} - done:
        for answer in admin.ask(folder, {"do": "configure", "name": digest}):
            if not answer["ok"]:
                before = f"; {len(done)} others have the new configuration" if done else ""
                raise Failure(f"process {answer['pid']}: {'; '.join(answer['faults'])}{before}", 1, answer["faults"])
            done.add(str(answer["pid"]))
    return len(done)
