"""The fixtures for pytest: runs of pytest with nothing but them, as a module's author would have it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = "crossbar.testing.plugin"

SENSORS = """
    from crossbar import Body, Context, InvalidData, Resource

    def even(ctx: Context, body: Body) -> Body:
        if body["floor"] % 2:
            raise InvalidData("floor", "even", "sensors hang on even floors")
        return body

    class Sensors(Resource):
        "Thermometers."

        name = "sensors"
        checks = (even,)
"""


def run(folder: Path, *options: str, **files: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on these files, with no plugin but the one under test, and with every warning an error."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", *("-q", "-p", "no:cacheprovider", "-p", PLUGIN), *options],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def outcome(done: subprocess.CompletedProcess[str]) -> str:
    """Give the last line of a run, without the time that it took."""
    last = done.stdout.strip().splitlines()[-1]
    return re.sub(r" in .*s\b", "", last).strip("= ")


def test_modules_of_a_folder(tmp_path: Path) -> None:
    """Who names the folder with the modules can test them, each test in an application of its own."""
    done = run(
        tmp_path,
        modules__sensors=SENSORS,
        conftest="""
            from pathlib import Path
            import pytest

            @pytest.fixture
            def crossbar_modules():
                return Path(__file__).parent / "modules"
        """,
        test_sensors="""
            def test_create(crossbar_client):
                made = crossbar_client.create("account", "sensors", body={"floor": 2})
                assert made.status == 201
                assert crossbar_client.every("account", "sensors") == [made.document]

            def test_check(crossbar_client):
                refused = crossbar_client.create("account", "sensors", body={"floor": 1})
                assert (refused.status, list(refused.data)) == (400, ["floor"])
                assert crossbar_client.every("account", "sensors") == []

            def test_others(crossbar_world, crossbar_client):
                made = crossbar_client.create("account", "sensors", body={"floor": 2}).document
                sensor = (("accounts", crossbar_world.customer), ("sensors", made["id"]))
                assert crossbar_world.client("stranger").read(*sensor).status == 404
                assert crossbar_world.client("reseller").read(*sensor).document == made
                kept = crossbar_world.run(crossbar_world.app.store.get(crossbar_world.customer, "sensors", made["id"]))
                assert kept.data() == made
        """,
    )
    assert "3 passed" == outcome(done), done.stdout + done.stderr


def test_what_can_be_overridden(tmp_path: Path) -> None:
    """Endpoints, settings and store can be somebody's own."""
    done = run(
        tmp_path,
        test_own="""
            import pytest
            from crossbar import Endpoint
            from crossbar.settings import Auth, Paging, Settings
            from crossbar.testing import make_store

            class Hello(Endpoint):
                name = "hello"

                async def find(self, ctx):
                    return type(ctx.app.store).__name__

            @pytest.fixture
            def crossbar_endpoints():
                return [Hello()]

            @pytest.fixture
            def crossbar_settings():
                return Settings(auth=Auth(hash_memory=8), paging=Paging(page_size=3))

            @pytest.fixture
            def crossbar_store(tmp_path):
                return make_store("sqlite", tmp_path)

            def test_own(crossbar_client, crossbar_world):
                assert crossbar_client.get("/account/hello").data == "SqliteStore"
                assert crossbar_world.app.settings.paging.page_size == 3
        """,
    )
    assert "1 passed" == outcome(done), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "module", "told"),
    [
        pytest.param("broken", "import nothing_of_the_kind\n", r"broken\.py, line 1: \w+Error", id="crashing"),
        pytest.param("devices", SENSORS.replace('"sensors"', '"devices"'), "'devices'", id="taken"),
    ],
)
def test_a_module_that_is_out_of_order(tmp_path: Path, name: str, module: str, told: str) -> None:
    """A module that cannot be let in fails the test at once, and says why."""
    done = run(
        tmp_path,
        **{f"modules__{name}": module},
        test_broken="""
            from pathlib import Path
            import pytest

            @pytest.fixture
            def crossbar_modules():
                return Path(__file__).parent / "modules"

            def test_broken(crossbar_client):
                pytest.fail("there is a client")
        """,
    )
    assert "1 error" == outcome(done), done.stdout + done.stderr
    assert re.search(told, done.stdout)
    assert "there is a client" not in done.stdout


def test_the_fixtures_are_explained(tmp_path: Path) -> None:
    """`pytest --fixtures` says what each of them is."""
    listed = run(tmp_path, "--fixtures").stdout
    for name in ("modules", "endpoints", "settings", "store", "world", "client"):
        assert re.search(rf"^crossbar_{name} --.*\n    [A-Z]", listed, re.MULTILINE), name


def test_the_plugin_costs_nothing_until_it_is_used(tmp_path: Path) -> None:
    """A run of pytest that uses none of the fixtures loads the plugin, and nothing that it takes to test."""
    done = run(
        tmp_path,
        test_other="""
            import sys

            def test_other():
                loaded = {name for name in sys.modules if name.partition(".")[0] == "crossbar"}
                assert loaded == {"crossbar", "crossbar._version", "crossbar.testing", "crossbar.testing.plugin"}
                assert not {"msgspec", "orjson", "starlette", "jsonschema_rs"} & set(sys.modules)
        """,
    )
    assert "1 passed" == outcome(done), done.stdout + done.stderr
