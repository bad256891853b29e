"""Code in a folder: packages, helper files, relative imports, and that nothing of it leaks out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crossbar import Mounted
from crossbar.plugins import Folder

from .tools import GOOD, only, phones, with_modules, write
from .tools import app_with as app_of


def answers(folder: Path, name: str) -> object:
    """What the module-level `ANSWER` of a found endpoint's module is."""
    [found] = [found for found in Folder(folder).find() if found.name == name]
    assert found.endpoint is not None, found.fault
    return sys.modules[type(found.endpoint).__module__].__dict__["ANSWER"]


def test_a_package(folder: Path) -> None:
    """A folder with an `__init__.py` is one module; its own files are imported relatively, at any depth."""
    write(folder, "phones/__init__.py", "from .endpoint import Phones\n")
    write(folder, "phones/answers.py", "from .deep.down import ANSWER\n")
    write(folder, "phones/deep/__init__.py", "")
    write(folder, "phones/deep/down.py", "ANSWER = 42\n")
    write(folder, "phones/endpoint.py", "from .answers import ANSWER\n" + phones(1))
    assert (42, str(folder / "phones")) == (answers(folder, "phones"), only(folder).origin)


def test_a_fault_in_a_package_is_told_with_its_own_file(folder: Path) -> None:
    """The innermost line inside the package is named, not the one that imported it."""
    write(folder, "phones/__init__.py", "from . import broken\n")
    path = write(folder, "phones/broken.py", "\n\n1 / 0\n")
    assert f"{path}, line 3: ZeroDivisionError: division by zero" == only(folder).fault


@pytest.mark.parametrize(
    "line",
    ["from ._shared import ANSWER", "from . import _shared\nANSWER = _shared.ANSWER", "from ._more import ANSWER"],
)
def test_a_helper_file(folder: Path, line: str) -> None:
    """A file that begins with `_` is no module, and others may import it."""
    write(folder, "_shared.py", "ANSWER = 42\n")
    write(folder, "_more/__init__.py", "from .._shared import ANSWER\n")
    write(folder, "phones.py", f"{line}\n" + phones(1))
    assert 42 == answers(folder, "phones")


def test_a_helper_of_a_package(folder: Path) -> None:
    """A package reaches the folder's helper files with two dots."""
    write(folder, "_shared.py", "ANSWER = 42\n")
    write(folder, "phones/__init__.py", "from .._shared import ANSWER\n" + phones(1))
    assert 42 == answers(folder, "phones")


def test_a_module_may_use_another(folder: Path) -> None:
    """A class that a module imports from another one is used there, and stays the other's endpoint."""
    write(folder, "fares.py", "from .phones import Phones\n\nclass Fares(Phones):\n    name = 'fares'\n")
    write(folder, "phones.py", GOOD)
    assert [("fares", ""), ("phones", "")] == [(found.name, found.fault) for found in Folder(folder).find()]


def test_two_names_for_one_class(folder: Path) -> None:
    """A class that stands under two names in a file is one endpoint."""
    write(folder, "phones.py", phones(1) + "\nTelephones = Phones\n")
    assert "" == only(folder).fault


def test_an_object_in_a_file(folder: Path) -> None:
    """An endpoint that is made in a file is found, too, such as an application that is mounted."""
    write(
        folder, "site.py", "from crossbar import Mounted\n\nasync def app(*_): ...\n\nmounted = Mounted('pages', app)\n"
    )
    found = only(folder)
    assert ("pages", "") == (found.name, found.fault)
    assert isinstance(found.endpoint, Mounted)


def test_an_object_of_a_class_in_the_same_file(folder: Path) -> None:
    """Where a file makes an endpoint of its own class, that object is the endpoint, and no other is made."""
    write(folder, "phones.py", phones(1) + "\nphones = Phones()\nphones.mark = 7\n")
    assert ("", 7) == (only(folder).fault, getattr(only(folder).endpoint, "mark", None))


def test_tests_are_passed_over(folder: Path) -> None:
    """Tests that lie beside the modules, and what they share, are not loaded."""
    for name in ("test_phones.py", "conftest.py", "test_more/__init__.py"):
        write(folder, name, "raise AssertionError('loaded')\n")
    assert [] == list(Folder(folder).find())


def test_no_compiled_files_are_left(folder: Path) -> None:
    """Nothing is written into the folder, and the interpreter compiles as before."""
    before = sys.dont_write_bytecode
    write(folder, "_shared.py", "ANSWER = 42\n")
    write(folder, "phones/__init__.py", "from .._shared import ANSWER\nfrom .more import *\n" + phones(1))
    write(folder, "phones/more.py", "")
    write(folder, "fares.py", "1 / 0")
    files = sorted(folder.rglob("*"))
    assert ["phones"] == [found.name for found in Folder(folder).find() if not found.fault]
    assert (files, before) == (sorted(folder.rglob("*")), sys.dont_write_bytecode)


def test_two_applications_share_nothing(folder: Path) -> None:
    """Two applications on one folder have classes, helper files and state of their own."""
    write(folder, "_shared.py", "seen = []\n")
    write(folder, "phones.py", "from ._shared import seen\n" + phones(1))
    apps = [app_of(with_modules(folder)) for _ in range(2)]
    endpoints = [app.registry.names["phones"] for app in apps]
    modules = [sys.modules[type(endpoint).__module__] for endpoint in endpoints]
    assert modules[0] is not modules[1]
    assert modules[0].seen is not modules[1].seen
    assert "phones" not in sys.modules


# What must not run.


def outside(tmp_path: Path) -> Path:
    """Give a file that lies beside the folder of modules."""
    return write(tmp_path, "elsewhere/phones.py", GOOD)


def test_a_link_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    """A file that is not really in the folder does not run, and both places are told."""
    (folder / "phones.py").symlink_to(outside(tmp_path))
    fault = only(folder).fault
    assert f"{folder / 'phones.py'}: it leads out of the modules folder, to {outside(tmp_path)}" in fault


@pytest.mark.parametrize(
    "place", ["phones/more.py", "_shared.py", "_shared/more.py"], ids=["in a package", "a helper", "in a helper"]
)
def test_a_link_to_what_a_module_imports(folder: Path, tmp_path: Path, place: str) -> None:
    """No code beside a module's own file may come from elsewhere, either."""
    write(folder, "phones/__init__.py", GOOD)
    (folder / "_shared").mkdir(exist_ok=True) if place.startswith("_shared/") else None
    (folder / place).symlink_to(outside(tmp_path))
    assert str(folder / place) in only(folder).fault


def test_a_link_within_the_folder(folder: Path) -> None:
    """A file may be a link to another one in the folder, and the folder a link to another folder."""
    write(folder, ".data/phones.py", GOOD)
    (folder / "phones.py").symlink_to(folder / ".data" / "phones.py")
    other = folder.parent / "other"
    other.symlink_to(folder)
    assert ["", ""] == [only(folder).fault, only(other).fault]


def test_a_link_that_leads_nowhere(folder: Path) -> None:
    """A link whose end is gone, or that leads to itself, is out of order, and the others go on."""
    (folder / "fares.py").symlink_to(folder / "gone.py")
    (folder / "loop.py").symlink_to(folder / "loop.py")
    write(folder, "phones.py", GOOD)
    found = {found.name: bool(found.fault) for found in Folder(folder).find()}
    assert {"fares": True, "loop": True, "phones": False} == found


@pytest.mark.parametrize("place", ["phones/__init__.py", "phones/more.py", "phones", "_shared.py", "."])
def test_what_everybody_may_write(folder: Path, place: str) -> None:
    """Code that any user of the machine can change does not run; the message says what to do about it."""
    write(folder, "phones/__init__.py", GOOD)
    write(folder, "phones/more.py", "")
    write(folder, "_shared.py", "")
    path = (folder / place).absolute()
    path.chmod(path.stat().st_mode | 0o002)
    assert only(folder).fault.endswith(f"chmod o-w {path}")


def test_a_declaration_that_everybody_may_write(folder: Path) -> None:
    """A TOML file opens doors as well as code does."""
    path = write(folder, "phones.toml", "")
    path.chmod(0o666)
    assert f"chmod o-w {path}" in only(folder).fault


def test_a_file_that_nobody_may_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read is out of order, and told."""
    write(folder, "phones.py", GOOD)
    write(folder, "fares.toml", "")

    def forbidden(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    monkeypatch.setattr(Path, "read_text", forbidden)
    told = [found.fault for found in Folder(folder).find()]
    assert [True, True] == ["Permission denied" in fault for fault in told]


@pytest.mark.parametrize(
    "what", ["SystemExit('bye')", "asyncio.CancelledError()", "GeneratorExit", "BaseException('x')"]
)
def test_a_module_that_ends_everything(folder: Path, what: str) -> None:
    """Whatever a module raises, it is out of order, and the application is not."""
    write(folder, "phones.py", f"import asyncio\nraise {what}\n")
    assert f"{folder / 'phones.py'}, line 2: " in only(folder).fault


def test_an_interrupt_is_the_operators(folder: Path) -> None:
    """Ctrl+C while a module is loaded ends the loading."""
    write(folder, "phones.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        only(folder)
