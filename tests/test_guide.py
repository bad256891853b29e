"""The author's guide, carried out: every block of the page is written, run or compared, in the order of the page.

A block below a line that ends with a file name is that file. A block marked `sh` goes into one shell, which lives as
long as the guide; `crossbar dev` goes on in another. A block marked `text` is what the block before it prints, where
`...` stands for anything. A command that fails does so in print: without such a block, its exit status must be 0.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ports import kept_free

PAGE = Path(__file__).parents[1] / "crossbar" / "docs" / "guide.md"
FILES = ("python", "toml", "json")
NAMED = re.compile(r"`([\w./-]+\.(?:py|toml|json))`:$")
ACCESS = re.compile(r"(?m)^\d{4}-\d\d-\d\dT.*\n")  # lines about requests are written when there is time
SERVE = "crossbar dev"
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Block:
    """One block of the page: its language, its text, the line where it stands, and the file that it is."""

    language: str
    text: str
    line: int
    file: str = ""

    def __str__(self) -> str:
        return f"line-{self.line}-{self.file or self.language}"


def blocks() -> list[Block]:
    """Give the blocks of the page, in order."""
    found: list[Block] = []
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    said = ""
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            end = lines.index("```", at + 1)
            named = NAMED.search(said)
            language = line.removeprefix("```")
            file = named[1] if named and language in FILES else ""
            found.append(Block(language, "\n".join(lines[at + 1 : end]) + "\n", at + 1, file))
            said, at = "", end
        elif line:
            said = line
        at += 1
    return found


BLOCKS = blocks()


def alike(shown: str, printed: str) -> bool:
    """Whether what was printed is what the page shows."""
    pattern = "".join("(?s:.*?)" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", shown.strip()))
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.strip().splitlines())) is not None


class Output:
    """What a process prints, collected while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.text = ""
        self.process = process
        self._more = threading.Condition()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.text += line
                self._more.notify_all()

    def wait_for(self, there: Callable[[str], object], start: int = 0) -> str:
        """Give what is printed from a place on, as soon as it is enough."""
        with self._more:
            enough = self._more.wait_for(lambda: there(self.text[start:]), SECONDS)
        assert enough, f"this did not come, or not all of it:\n{self.text[start:]}"
        return self.text[start:]

    def ended(self) -> None:
        """Wait until the process has ended and all is read."""
        self.process.wait(SECONDS)
        self._reading.join(SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass
class Reader:
    """Somebody who does what the guide says, in a folder of their own."""

    folder: Path
    environment: dict[str, str]
    printed: str = ""
    status: int = 0
    server: Output | None = None
    told: dict[Block, str] = field(default_factory=dict)
    """What is wrong with each block that was carried out; empty if it is right."""

    def __post_init__(self) -> None:
        self.shell = Output(self.process("bash", reads=subprocess.PIPE))

    def process(self, *command: str, reads: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start a process in the folder, which prints all that it has to say into a pipe."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=reads,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def carry_out(self, block: Block, shown_next: bool) -> None:
        """Do what a block says, and note what is wrong with it; `shown_next` says that its output follows."""
        try:
            if block.file:
                self.write(block)
            elif block.language == "sh" and block.text.startswith(SERVE):
                self.serve(block.text.strip())
            elif block.language == "sh":
                self.run(block.text)
                assert shown_next or self.status == 0, f"exit status {self.status}:\n{self.printed}"
            elif block.language == "text":
                assert alike(block.text, self.printed), f"this was printed:\n{self.printed}"
            else:
                raise AssertionError(f"nobody knows what to do with a block of {block.language!r}")
        except AssertionError as error:
            self.told[block] = str(error)
        else:
            self.told[block] = ""

    def write(self, block: Block) -> None:
        """Write a file; what the server says to it is what it prints."""
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.noticed():
            path.write_text(block.text)

    def run(self, commands: str) -> None:
        """Run commands in the shell."""
        assert self.shell.process.stdin is not None
        start = len(self.shell.text)
        mark = f"--- end of block {len(self.told)}: "
        with self.noticed():
            self.shell.process.stdin.write(f"{commands}\nprintf '\\n{mark}%s\\n' $?\n")
            self.shell.process.stdin.flush()
            printed = self.shell.wait_for(re.compile(rf"\n{mark}(\d+)\n").search, start)
        self.printed, _, status = printed.partition(f"\n{mark}")
        self.status = int(status)

    def serve(self, command: str) -> None:
        """Start the server, in the place of the one that runs."""
        self.stop()
        self.server = Output(self.process("bash", "-c", f"exec {command}"))
        self.printed = self.server.wait_for(re.compile(r"(?s)Modules .*\ncurl .*\n").search)

    def stop(self) -> None:
        """Stop the server as Ctrl+C does."""
        if self.server is not None:
            self.server.process.send_signal(signal.SIGINT)
            self.server.ended()
            self.server = None

    def modules(self) -> dict[Path, int]:
        """Give the modules and schemas in the folder of modules, with the time of their last change."""
        found = [*self.folder.glob("modules/*.*"), *self.folder.glob("modules/schemas/*.*")]
        return {path: path.stat().st_mtime_ns for path in found}

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Wait, after the block, until the server has said something to each module that has changed."""
        before, start = self.modules(), len(self.server.text) if self.server is not None else 0
        yield
        after = self.modules()
        changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
        if self.server is not None:
            kinds = {path: "(schemas/)?" if path.parent.name == "schemas" else "" for path in changed}
            said = [re.compile(rf"(?m)^\d\d:\d\d:\d\d  {kinds[path]}{path.stem}\b.*\n") for path in changed]
            told = self.server.wait_for(lambda text: all(each.search(text) for each in said), start)
            self.printed = ACCESS.sub("", told)

    def leave(self) -> None:
        """Stop all that was started."""
        self.stop()
        assert self.shell.process.stdin is not None
        self.shell.process.stdin.close()
        self.shell.ended()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Give a reader who has done all that the guide says."""
    folder = tmp_path_factory.mktemp("guide")
    with kept_free() as port:
        reader = Reader(folder / "office", environment(folder, port))
        try:
            for block, following in zip(BLOCKS, [*BLOCKS[1:], None], strict=True):
                reader.carry_out(block, following is not None and following.language == "text")
            yield reader
        finally:
            reader.leave()


def environment(folder: Path, port: int) -> dict[str, str]:
    """Give an environment in which the commands of the guide touch nothing but its folder, and the port."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CROSSBAR", "PYTEST", "PIP"))}
    packages = str(folder / "packages")
    (folder / "office").mkdir()
    return kept | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "CROSSBAR__SERVER__PORT": str(port),
        "CROSSBAR_URL": f"http://127.0.0.1:{port}",
        "PYTEST_ADDOPTS": "-p no:cacheprovider -W error",
        # What is installed goes into a folder of its own, and nothing is fetched.
        "PIP_TARGET": packages,
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [packages, os.environ.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.mark.timeout(240)
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_does_what_the_page_says(reader: Reader, block: Block) -> None:
    """It is written, run without a fault, or what the block before it prints."""
    assert "" == reader.told[block]


def test_no_block_is_left_out(reader: Reader) -> None:
    """All that is fenced on the page was carried out, once and in order."""
    fences = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.lstrip().startswith("```")]
    assert 2 * len(BLOCKS) == len(fences)
    assert BLOCKS == list(reader.told)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("ruff", "check", "--isolated", "--no-cache"), id="lint"),
        pytest.param(("ruff", "format", "--check", "--diff", "--isolated", "--no-cache"), id="format"),
        pytest.param(("mypy", "--strict", "--follow-imports=silent", "--cache-dir=../mypy"), id="types"),
    ],
)
def test_the_code_of_the_guide_is_clean(reader: Reader, command: tuple[str, ...]) -> None:
    """What a reader learns from is as it should be."""
    environment = reader.environment | {"MYPYPATH": str(PAGE.parents[2])}
    checked = [sys.executable, "-m", *command, "modules"]
    ran = subprocess.run(checked, cwd=reader.folder, env=environment, capture_output=True, text=True)
    assert 0 == ran.returncode, ran.stdout + ran.stderr


def test_the_guide_can_be_read_in_ten_minutes() -> None:
    """Prose at 230 words a minute, code at 40 lines."""
    text = re.sub(r"(?ms)^```.*?^```", "", PAGE.read_text(encoding="utf-8"))
    code = sum(len(block.text.splitlines()) for block in BLOCKS)
    assert len(text.split()) / 230 + code / 40 <= 10


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        pytest.param("a\n", "a  \n", True, id="same"),
        pytest.param("a ... c", "a b c", True, id="in-a-line"),
        pytest.param("a\n...\nc", "a\nb\nb\nc", True, id="lines"),
        pytest.param("a", "a\nb", False, id="more"),
        pytest.param("a.c", "abc", False, id="plain-dot"),
    ],
)
def test_what_is_alike(shown: str, printed: str, expected: bool) -> None:
    """Only `...` stands for something else."""
    assert expected == alike(shown, printed)
