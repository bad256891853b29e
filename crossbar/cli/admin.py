"""The admin address of a server: a Unix socket for each of its processes, in a folder that nobody else may enter.

One JSON object a line in, one out: `{"do": "reload", "name": "devices"}` is answered with `{"ok": true, "pid": 7,
"outcomes": [["devices", "reloaded", ""]]}`, and what cannot be done with `{"ok": false, "pid": 7, "error": "..."}`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from ..app import Crossbar
from ..errors import CrossbarError, PluginError, SettingsError
from ..plugins import Outcome
from ..settings import Settings
from ..stored_settings import stored_in
from .facts import facts_of
from .output import Failure, shown
from .reloading import KEPT, Origin, Reloading

logger = logging.getLogger("crossbar")

OFF = "off"
COUNTS = "counts"
"""The file in the folder in which the processes of a server share what they count."""
_LONGEST_LINE = 65_536
_LONGEST_NAME = 100  # bytes of a socket's path: the kernel takes 107 (unix(7))
_STATE = "stopped.json"
_SECONDS = 60


def folder_of(settings: Settings, port: int) -> Path | None:
    """The folder of the admin sockets of the server at a port of this machine, None if it has none."""
    if settings.server.admin == OFF:
        return None
    if settings.server.admin:
        return Path(settings.server.admin).absolute()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) / "crossbar" if runtime else Path(tempfile.gettempdir()) / f"crossbar-{os.getuid()}"
    return base / str(port)


def prepare(folder: Path) -> None:
    """Make the folder, for this user only, and empty of what an earlier server left; Failure if it is not safe."""
    try:
        for each in (folder.parent, folder):
            each.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        above = folder.parent.lstat()
    except OSError as error:
        raise Failure(
            f'server.admin: cannot make {folder}: {error.strerror}; name another folder, or "{OFF}" for none', 2
        ) from None
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
        raise Failure(f"server.admin: {folder} must be a folder that only you may enter: chmod 700 {folder}", 2)
    # NOTE: who may write the folder above can put another one in its place; in one that is sticky only its owner can.
    sticky = stat.S_ISDIR(above.st_mode) and above.st_mode & stat.S_ISVTX
    if above.st_uid not in (0, os.getuid()) or (above.st_mode & 0o022 and not sticky) or stat.S_ISLNK(above.st_mode):
        raise Failure(f"server.admin: others may change {folder.parent}; remove it, or name another folder", 2)
    if len(os.fsencode(folder / "4194304.sock")) > _LONGEST_NAME:
        raise Failure(f"server.admin: {folder} is too long a path for a socket; name a shorter one", 2)
    clear(folder)


def clear(folder: Path) -> None:
    """Take away the sockets, the state and the counts that stand in the folder."""
    for path in [*folder.glob("*.sock"), *folder.glob("*.sock.new"), folder / _STATE, folder / COUNTS, folder / KEPT]:
        path.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Take the folder away with what a server has put there; one in which there is more stays."""
    clear(folder)
    with suppress(OSError):
        folder.rmdir()


# The side of the server.


@asynccontextmanager
async def administered(app: Crossbar, folder: Path, origin: Origin | None = None) -> AsyncIterator[None]:
    """Take commands for this process while the block runs; modules that were stopped in its siblings are stopped.

    `origin` is where its settings came from, and come from again.
    """
    path = folder / f"{os.getpid()}.sock"
    # NOTE: it gets its name last. Whoever sees one that refuses takes it for that of a dead process, and away.
    coming = folder / f"{path.name}.new"
    server = await asyncio.start_unix_server(_Commands(app, folder, origin).talk, coming, limit=_LONGEST_LINE)
    try:
        coming.chmod(0o600)
        coming.replace(path)
        for name in _stopped(folder):
            with suppress(CrossbarError):
                await app.changes.stop(name)
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)
        await server.wait_closed()


class _Commands:
    """What can be asked of one process."""

    def __init__(self, app: Crossbar, folder: Path, origin: Origin | None) -> None:
        self._app = app
        self._folder = folder
        self._reloading = Reloading(app, origin, folder) if origin is not None else None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one command, of the same user or root."""
        try:
            if _is_allowed(writer.get_extra_info("socket")):
                async with asyncio.timeout(_SECONDS):
                    answer = await self._answer(await reader.readline())
                    writer.write(orjson.dumps(answer | {"pid": os.getpid()}) + b"\n")
                    await writer.drain()
        except Exception:  # whatever a command meets, the server goes on
            logger.exception("admin: a command failed")
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        doing: dict[str, Callable[[str], Awaitable[list[Outcome]]]] = {
            "reload": self._reload,
            "stop": self._stop,
            "start": self._start,
        }
        asked = orjson.loads(line)
        if asked["do"] == "list":
            return {"ok": True, "modules": [facts_of(plugin) for plugin in self._app.plugins.plugins]}
        if asked["do"] == "targets":
            return {"ok": True, "targets": self._targets()}
        if asked["do"] == "settings":
            return await self._settings()
        if asked["do"] == "explain":
            return self._explain(asked)
        if asked["do"] in ("try", "configure"):
            return await self._configure(asked["do"], asked.get("name", ""))
        try:
            outcomes = await doing[asked["do"]](asked["name"])
        except CrossbarError as error:
            logger.error("admin: %s %s: %s", asked["do"], asked["name"], error)
            return {"ok": False, "error": str(error)}
        for outcome in outcomes:
            logger.info("admin: %s %s", outcome.name, outcome.did)
        return {"ok": all(each.did != "failed" for each in outcomes), "outcomes": [[*each] for each in outcomes]}

    async def _settings(self) -> dict[str, Any]:
        """Which settings of the store are in force here, why no others, and which ones the store has."""
        following, url = self._app.following, shown(self._app.settings.store.url)
        try:
            found = await stored_in(self._app.store)
        except CrossbarError as error:
            return {"ok": False, "error": f"its store {url} cannot be used: {shown(str(error))}"}
        return {
            "ok": True,
            "revision": following.stored.revision if following.stored is not None else None,
            "faults": [*map(shown, following.faults)],
            "store": url,
            "stored": found.revision if found is not None else None,
        }

    def _targets(self) -> list[dict[str, Any]]:
        """What is known of the targets of the gateway, if there is one."""
        gateway = self._app.gateway
        return [] if gateway is None else [{"upstream": name, **state} for name, state in gateway.targets()]

    def _explain(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What becomes of a request, with the modules, the configuration and the targets as they are now."""
        # PERF: it brings along much that a server does not need.
        from .explained import explained

        try:
            return {"ok": True, "explained": explained(self._app, asked, live=True)}
        except ValueError as error:
            return {"ok": False, "error": str(error)}

    async def _configure(self, do: str, digest: str) -> dict[str, Any]:
        """Try out the configuration as it is now, or take it over."""
        metrics = self._app.metrics
        try:
            if self._reloading is None:
                raise PluginError("this server has no configuration that could be loaded again: start it anew")
            if do == "try":
                return {"ok": True, **self._reloading.try_out()}
            await self._reloading.carry_out(digest)
        except CrossbarError as error:
            faults = [*map(shown, error.faults)] if isinstance(error, SettingsError) else [str(error)]
            logger.error("reload: the old configuration goes on: %s", "; ".join(faults))
            if metrics is not None:
                metrics.reloaded(False)
            return {"ok": False, "faults": faults}
        logger.info("reload: a new configuration is in force")
        if metrics is not None:
            metrics.reloaded(True)
        return {"ok": True}

    async def _reload(self, name: str) -> list[Outcome]:
        if name:
            return await self._app.changes.reload(name)
        folders = [folder.path for folder in self._app.plugins.folders if folder.kind == "folder"]
        return await self._app.changes.refresh([path for folder in folders for path in folder.rglob("*")])

    async def _stop(self, name: str) -> list[Outcome]:
        outcomes = await self._app.changes.stop(name)
        _keep(self._folder, {*_stopped(self._folder), name})
        return outcomes

    async def _start(self, name: str) -> list[Outcome]:
        outcomes = await self._app.changes.start(name)
        _keep(self._folder, {*_stopped(self._folder)} - {name})
        return outcomes


def _is_allowed(connected: Any) -> bool:
    """Whether whoever is at the other end is this user or root, where the system can tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, uid, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid in (0, os.getuid())


def _stopped(folder: Path) -> list[str]:
    """The modules that were stopped since the server began; a process that is started later stops them as well."""
    try:
        found = orjson.loads((folder / _STATE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return []
    return found if isinstance(found, list) else []


def _keep(folder: Path, stopped: set[str]) -> None:
    new = folder / f"{_STATE}.{os.getpid()}"
    new.write_bytes(orjson.dumps(sorted(stopped)))
    new.replace(folder / _STATE)


# The side of the command line.


def ask(folder: Path, command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Send a command to every process of a server, one after the other; Failure if there is none."""
    answered = False
    for path in sorted(folder.glob("*.sock")):
        with socket.socket(socket.AF_UNIX) as talking:
            talking.settimeout(_SECONDS)
            try:
                talking.connect(str(path))
                talking.sendall(orjson.dumps(command) + b"\n")
                with talking.makefile("rb") as answers:
                    line = answers.readline()
            except ConnectionRefusedError:  # its process has died, and another one has taken its place
                path.unlink(missing_ok=True)
                continue
            except OSError as error:
                raise Failure(f"the process behind {path} does not answer: {error.strerror or error}", 3) from None
        if not line:
            raise Failure(f"the process behind {path} gave no answer: its log says why", 1)
        answered = True
        yield orjson.loads(line)
    if not answered:
        raise Failure(
            f"no server has its admin address in {folder}: start one with `crossbar run`, name its --port, or give "
            "the --config of the server; only the user who runs it may ask",
            3,
        )
