"""A configuration of a gateway for what is told of one without starting it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbar import Crossbar
from crossbar.settings import load
from crossbar.stores.memory import MemoryStore

KEY = "0" * 64
TEXT = f"""
[upstream.billing]
targets = ["http://127.0.0.1:9001", "http://127.0.0.2:9002/base weight=2"]
retry = "2 tries on connect, reset, 503"
timeout = {{ total = "20s" }}

[upstream.files]
targets = ["http://127.0.0.3"]

[provider.partners]
keys = [
  {{ id = "acme", sha256 = "{KEY}", account = "A", claims = {{ scope = "reports" }} }},
  {{ id = "other", sha256 = "{"1" * 64}" }},
]

[provider.staff]
jwt = {{ issuer = "https://127.0.0.1:9009", audience = "crossbar" }}

[[route]]
name = "invoices"
path = "/v2/accounts/{{account}}/invoices/**"
to = "billing:/api/{{account}}/invoices/**"
limit = ["600/min per consumer"]
envelope = "wrap"
errors = "map"
body = "64KiB"
timeout = {{ idle = "3s" }}

[[route]]
name = "paid"
path = "/v2/accounts/{{account}}/invoices/{{invoice}}/paid"
to = "billing:/api/paid/{{invoice}}"
methods = ["GET", "PUT"]
auth = ["crossbar", "partners"]
allow = "principal.account == path.account"
websocket = false

[[route]]
name = "dashboard"
path = "/v2/accounts/{{account}}/dashboard"
merge = {{ invoices = "billing:/api/{{account}}/invoices?limit=3", devices = "module:devices" }}

[[route]]
name = "papers"
path = "/v2/accounts/{{account}}/users/{{user}}/papers/{{paper}}"
to = "files:/{{account}}/{{user}}/{{paper}}"

[[route]]
name = "news"
path = "/v2/news/**"
to = "files:/news/**"
auth = "none"

[[route]]
name = "files"
path = "/files/**"
to = "files"
auth = "none"
headers = {{ X-Beta = "1" }}

[[route]]
name = "reports"
path = "/files/reports/{{year}}"
to = "billing:/reports/{{year}}"
methods = ["GET"]
auth = "partners"
allow = "'reports' in claims.scope"
limit = ["60/min per consumer"]

[[route]]
name = "public"
host = ["files.example.com", "*.example.org"]
path = "/{{file}}"
to = "files:/{{file}}"
auth = ["staff", "none"]
form = "ringcentral"
"""


@pytest.fixture
def gateway_file(tmp_path: Path) -> Path:
    """Give a file with a gateway of two upstreams, two providers and routes of each sort."""
    file = tmp_path / "gateway.toml"
    file.write_text(TEXT, encoding="utf-8")
    return file


def gateway_app(file: Path) -> Crossbar:
    """An application with the gateway of a file, which was never started."""
    return Crossbar(load(file), store=MemoryStore())
