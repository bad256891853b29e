"""The bundled modules, and a folder beside them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from crossbar.plugins import BUNDLED, Folder, bundled_folder

from .tools import GOOD, app_with, with_modules, world_with, write

BUNDLED_NAMES = [
    *("about", "accounts", "api_auth", "applications", "callflows", "cdrs", "devices", "directories", "extensions"),
    *("faxes", "groups", "limits", "lists", "media", "menus", "messages", "oauth", "recordings", "schemas", "sms"),
    *("temporal_rules", "timezones", "token_auth", "token_restrictions", "user_auth", "users", "vmboxes"),
    *("voicemails", "webhooks", "whoami"),
]


def test_the_bundled_modules() -> None:
    """Every bundled module loads, and these are their nouns."""
    found = list(Folder(bundled_folder(), BUNDLED).find())
    assert ([], BUNDLED_NAMES) == ([one.fault for one in found if one.fault], sorted(one.name for one in found))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("phones.py", GOOD.replace('"phones"\n', '"devices"\n'), id="a Python file"),
        pytest.param("phones.toml", 'name = "devices"', id="a TOML file"),
        pytest.param("devices.py", "1 / 0", id="a broken file"),
    ],
)
def test_two_modules_of_one_name(folder: Path, caplog: pytest.LogCaptureFixture, name: str, text: str) -> None:
    """If two modules want the same noun the first one keeps it, and the log names both files."""
    path = write(folder, name, text)
    with caplog.at_level(logging.ERROR, "crossbar"):
        app = app_with(with_modules(folder))
    bundled = str(bundled_folder() / "devices.py")
    assert (bundled, "") == (app.registry.entries["devices"].origin, app.registry.entries["devices"].fault)
    assert [bundled, str(path), "'devices'"] == [
        part for part in (bundled, str(path), "'devices'") if part in caplog.messages[-1]
    ]


@pytest.mark.parametrize("name", ["account", "v2"])
def test_a_name_that_is_a_word_of_the_path(folder: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """A module that is called like the alias or a version is left out, and the log says so."""
    path = write(folder, "phones.toml", f'name = "{name}"')
    with caplog.at_level(logging.ERROR, "crossbar"):
        app = app_with(with_modules(folder))
    assert (False, True) == (name in app.registry.names, str(path) in caplog.text)


async def test_disabled_modules(folder: Path) -> None:
    """A disabled module is not there: bundled or not, broken or not, its noun is a 404."""
    write(folder, "phones.py", "1 / 0")
    write(folder, "fares.toml", "")
    world, client = await world_with(folder, "phones", "fares", "menus")
    home = f"/accounts/{world.master}"
    responses = [await client.get(f"{home}/{noun}") for noun in ("phones", "fares", "menus", "devices")]
    assert [404, 404, 404, 200] == [response.status for response in responses]
