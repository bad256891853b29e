"""Client packages for Node: each call goes to one Node process as a line of JSON, and its answer comes as one.

`scripts/clients` installs the packages.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
INSTALLED = HERE.parents[1] / ".venv" / "clients"
PACKAGES = INSTALLED / "node" / "node_modules"
BRIDGE = HERE / "js" / "bridge.cjs"


class NodeError(Exception):
    """What a package has thrown: its message, and the status and text of the answer that it was about, if any."""

    def __init__(self, message: str, status: int | None, text: str | None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.text = text

    def json(self) -> Any:
        """The body of the answer."""
        assert self.text is not None, self.message
        return json.loads(self.text)


class Node:
    """A Node process with the packages; `with` ends it."""

    def __init__(self, program: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
        self._process = subprocess.Popen(
            [program, str(BRIDGE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # NOTE: a package warns there of what it calls deprecated, on every login.
            stderr=subprocess.DEVNULL,
            env=kept | {"NODE_PATH": str(PACKAGES)},
            text=True,
        )

    def __enter__(self) -> Node:
        """Give the process that runs already."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Close what the process reads from, at whose end it ends."""
        _, _ = self._process.communicate(timeout=30)

    def client(self, package: str, **options: Any) -> NodeClient:
        """Make a client of a package, with what its constructor takes."""
        return NodeClient(self, self.ask(package=package, options=options))

    def ask(self, **request: Any) -> Any:
        """What the process answers; NodeError for what the package throws."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request, default=_packed) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"Node has ended with {self._process.poll()}"
        answer = json.loads(line, object_hook=_unpacked)
        if "thrown" in answer:
            raise NodeError(**answer["thrown"])
        return answer["result"]


class NodeClient:
    """A client of a package in a Node process."""

    def __init__(self, node: Node, id: int) -> None:
        self._node = node
        self._id = id

    def call(self, path: str, *arguments: Any) -> Any:
        """Call methods one after the other, each on what the one before it has returned; the last gets the arguments.

        `restapi:null/account:7/get` is `restapi(null).account("7").get(...arguments)`. A response is a dictionary with
        status, headers and text.
        """
        *before, last = path.split("/")
        chain = [
            [name, *([json.loads(word) if word == "null" else word] if mark else [])]
            for name, mark, word in (step.partition(":") for step in before)
        ]
        return self._node.ask(client=self._id, chain=[*chain, [last, *arguments]])


def node_or_reason() -> Node | str:
    """Node with its packages, or why there is none."""
    program = shutil.which("node")
    if program is None:
        return "there is no Node"
    # NOTE: the stamp is written last; a folder without it is an installation that was broken off.
    if not (INSTALLED / "node.stamp").exists():
        return "the packages for Node are not installed: scripts/clients does it"
    return Node(program)


def _packed(value: object) -> dict[str, str]:
    """Bytes as JSON has them here."""
    assert isinstance(value, bytes), value
    return {"bytes": b64encode(value).decode()}


def _unpacked(value: dict[str, Any]) -> Any:
    """Bytes again."""
    return b64decode(value["bytes"]) if value.keys() == {"bytes"} else value
