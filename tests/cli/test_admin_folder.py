"""The folder of the admin sockets: where it is, who may get at it, and what is in it when."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from crossbar import Crossbar, Settings
from crossbar.cli import admin
from crossbar.cli.output import Failure
from crossbar.settings import Server
from crossbar.stores.memory import MemoryStore

from .test_admin import short_path


def settings(where: str) -> Settings:
    """Give settings with an admin folder."""
    return Settings(server=Server(admin=where))


def test_where_the_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one of the setting, else one for the port below the runtime folder, else below the temporary one."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert tmp_path / "crossbar" / "9000" == admin.folder_of(Settings(), 9000)
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    fallback = admin.folder_of(Settings(), 9000)
    assert fallback is not None
    assert (f"crossbar-{os.getuid()}", "9000") == fallback.parts[-2:]
    assert Path("/somewhere") == admin.folder_of(settings("/somewhere"), 9000)
    assert admin.folder_of(settings("off"), 9000) is None


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o711])
def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    """Nothing is put where others could get at it."""
    folder = tmp_path / "admin"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(Failure, match="only you may enter: chmod 700"):
        admin.prepare(folder)


def test_a_link_is_refused(tmp_path: Path) -> None:
    """A link that somebody laid in the way is not followed."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "admin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failure, match="only you may enter"):
        admin.prepare(tmp_path / "admin")


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_in_one_that_others_may_change_is_refused(tmp_path: Path, mode: int) -> None:
    """Who may change the folder above could put another one in its place."""
    above = tmp_path / "above"
    above.mkdir()
    above.chmod(mode)
    with pytest.raises(Failure, match="others may change"):
        admin.prepare(above / "8000")


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    """It is told before anything is served."""
    with pytest.raises(Failure, match="too long a path for a socket"):
        admin.prepare(tmp_path / ("x" * 90))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """The message names the setting and the way to do without."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match=r'server.admin: cannot make .*"off" for none'):
        admin.prepare(tmp_path / "file" / "admin")


def test_what_an_earlier_server_left_is_cleared(tmp_path: Path) -> None:
    """Sockets of dead processes and their state are gone; what else lies there is not touched."""
    folder = tmp_path / "admin"
    folder.mkdir(mode=0o700)
    for name in ("7.sock", "stopped.json", "notes.txt"):
        (folder / name).write_text("")
    admin.prepare(folder)
    assert ["notes.txt"] == [path.name for path in folder.iterdir()]


async def test_who_is_seen_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket has its name when it takes commands of this user alone: one that refuses is taken for a dead one."""
    folder, listen = short_path("seen"), socket.socket.listen
    seen: list[list[Path]] = []

    def looking(self: socket.socket, *more: int) -> None:
        seen.append([*folder.glob("*.sock")])
        listen(self, *more)

    monkeypatch.setattr(socket.socket, "listen", looking)
    admin.prepare(folder)
    async with admin.administered(Crossbar(store=MemoryStore()), folder):
        [found] = folder.iterdir()
        assert ([[]], 0o600, ".sock") == (seen, stat.S_IMODE(found.stat().st_mode), found.suffix)
    admin.remove(folder)
    assert not folder.exists()


async def test_somebody_else_gets_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of another user is refused by the socket, even if it could get at it."""
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert admin._is_allowed(here)
        monkeypatch.setattr(os, "getuid", lambda: 54_321)
        assert (os.geteuid() == 0) == admin._is_allowed(here)
    await asyncio.sleep(0)
