"""What tells one configuration from another, and how a process comes to have the one that the others have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from crossbar import Crossbar, Settings
from crossbar.cli.reloading import KEPT, Origin, Reloading, changes, digest_of, kept, later
from crossbar.errors import PluginError
from crossbar.settings import Rate
from crossbar.testing import make_app


def settings(*routes: dict[str, Any], **more: Any) -> Settings:
    """Settings with these routes to one upstream."""
    upstream = {"up": {"targets": ["http://one.example"]}}
    return msgspec.convert({"upstream": upstream, "route": [{"to": "up"} | each for each in routes]} | more, Settings)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param([{"path": "/a"}], [{"path": "/a"}], [], id="nothing"),
        pytest.param([{"path": "/a", "name": "x"}], [{"path": "/b", "name": "x"}], ["route x: changed"], id="by name"),
        pytest.param([{"path": "/a"}], [{"path": "/b"}], ["route /a: removed", "route /b: added"], id="by path"),
        pytest.param(
            [{"path": "/a", "host": "a.example"}, {"path": "/a", "host": ["b.example", "c.example"]}],
            [{"path": "/a", "host": "a.example"}, {"path": "/a", "host": ["b.example"]}],
            ["route b.example c.example /a: removed", "route b.example /a: added"],
            id="by host",
        ),
        pytest.param(
            [{"path": "/a", "methods": ["GET"], "body": "1B"}, {"path": "/a", "methods": ["POST"]}],
            [{"path": "/a", "methods": ["GET"], "body": "2B"}, {"path": "/a", "methods": ["POST"]}],
            ["route GET /a: changed"],
            id="by method",
        ),
        pytest.param(
            [{"path": "/a", "headers": {"x": "1"}}, {"path": "/a", "headers": {"x": "2"}}, {"path": "/a"}],
            [{"path": "/a", "headers": {"x": "3"}}, {"path": "/a", "headers": {"x": "2"}}, {"path": "/a"}],
            ["route /a: changed"],
            id="by nothing that has a name",
        ),
    ],
)
def test_changes_of_routes(before: list[dict[str, Any]], after: list[dict[str, Any]], told: list[str]) -> None:
    """Each change is told, whatever the routes have in common."""
    assert told == [*changes(settings(*before), settings(*after))]


def test_changes_of_the_other_tables() -> None:
    """Upstreams and providers by their names, and the gateway's own table."""
    before = settings(provider={"a": {"keys": [{"id": "x", "sha256": "0" * 64}]}})
    after = settings(
        gateway={"via": "edge"},
        upstream={"up": {"targets": ["http://two.example"]}, "down": {"targets": ["http://one.example"]}},
    )
    told = ["gateway: changed", "upstream up: changed", "upstream down: added", "provider a: removed"]
    assert (told, []) == ([*changes(before, after)], [*later(before, after)])


def test_what_waits() -> None:
    """Every other table that is different, by its name."""
    assert ["server", "limits"] == [*later(settings(), settings(server={"port": 9}, limits={"handler_seconds": 9}))]


class Written:
    """An application, the file of its settings, and what reloads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "gateway.toml"
        self.origin = Origin(str(self.file), {"store.url": "memory:"})
        self.write("one")
        self.app: Crossbar = make_app(self.origin.load())
        self.reloading = Reloading(self.app, self.origin, folder)

    def write(self, host: str, more: str = "") -> None:
        """Write the file."""
        self.file.write_text(f'[upstream.up]\ntargets = ["http://{host}.example"]\n{more}')

    @property
    def targets(self) -> list[str]:
        """The targets that are in force."""
        assert self.app.gateway is not None
        return [state["target"] for _, state in self.app.gateway.targets()]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Give an application whose settings are in a file."""
    return Written(tmp_path)


async def test_a_trial_changes_nothing(written: Written) -> None:
    """It says what would be different; taking that over is another step, which says nothing."""
    written.write("two", "[limits]\nhandler_seconds = 7\n")
    tried = written.reloading.try_out()
    assert (["upstream up: changed"], ["limits"]) == (tried["changes"], tried["later"])
    assert ["http://one.example"] == written.targets
    await written.reloading.carry_out(tried["digest"])
    assert ["http://two.example"] == written.targets
    assert ([], ["limits"]) == (written.reloading.try_out()["changes"], written.reloading.try_out()["later"])


async def test_only_what_was_tried_is_taken_over(written: Written) -> None:
    """A file that is another one by now is refused."""
    written.write("two")
    digest = written.reloading.try_out()["digest"]
    written.write("three")
    with pytest.raises(PluginError, match="try again"):
        await written.reloading.carry_out(digest)
    assert (["http://one.example"], False) == (written.targets, (written.folder / KEPT).exists())


async def test_other_certificates_in_the_same_files(written: Written) -> None:
    """They are a change, though the settings are the same, and taken over as any other."""
    (written.folder / "ca.pem").write_text("first")
    more = f'tls = {{ ca = "{written.folder}/ca.pem" }}\n'
    for text, told in (("first", "upstream up: changed"), ("second one", "upstream up: its files have changed")):
        (written.folder / "new").write_text(text)
        (written.folder / "new").replace(written.folder / "ca.pem")
        written.write("one", more)
        tried = written.reloading.try_out()
        assert [told] == tried["changes"]
        await written.reloading.carry_out(tried["digest"])
        assert [] == written.reloading.try_out()["changes"]


async def test_the_counts_that_workers_share_are_no_change(written: Written) -> None:
    """Nobody wrote that setting into the file, so nobody is told that it waits; another file of counts does."""
    following = written.app.following
    following.own = replace(following.own, rate=Rate(shared=str(written.folder / "counts")))
    assert [] == written.reloading.try_out()["later"]
    following.own = replace(following.own, rate=Rate(shared="/elsewhere/counts"))
    assert ["rate"] == written.reloading.try_out()["later"]


async def test_a_process_that_was_starting_catches_up(written: Written, caplog: pytest.LogCaptureFixture) -> None:
    """It takes over what another one has left; without that, or if it is of no use here, it goes on as it is."""
    await written.reloading.catch_up()
    assert ["http://one.example"] == written.targets
    other = Written(written.folder)
    other.write("two")
    await other.reloading.carry_out(other.reloading.try_out()["digest"])
    written.write("three")
    await written.reloading.catch_up()
    assert (["http://two.example"], []) == (written.targets, caplog.messages)
    broken = replace(settings({"path": "/a"}), upstream={})
    (written.folder / KEPT).write_bytes(msgspec.json.encode(broken))
    await written.reloading.catch_up()
    assert ["http://two.example"] == written.targets
    [told] = caplog.messages
    assert "older configuration" in told


@pytest.mark.parametrize("left", [b"", b"{", b'{"route": 7}'])
def test_what_cannot_be_read_is_not_kept(tmp_path: Path, left: bytes) -> None:
    """The settings from the start count then, and where nothing is kept."""
    before = settings()
    assert before == kept(None, before) == kept(tmp_path, before)
    (tmp_path / KEPT).write_bytes(left)
    assert before == kept(tmp_path, before)


def test_settings_are_told_apart() -> None:
    """The same ones have the same digest, however they were made, and others another one."""
    assert digest_of(settings({"path": "/a"})) == digest_of(settings({"path": "/a"}))
    assert digest_of(settings({"path": "/a"})) != digest_of(settings({"path": "/b"}))
