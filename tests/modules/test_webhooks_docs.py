"""The page about webhooks: what it says of the options is so, and its receiver understands what is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from aiohttp import web

from modules.webhooks.options import WebhookOptions
from modules.webhooks.schedule import Outcome, wait
from modules.webhooks.signing import new_secret, signed_headers

from .tools import at_home, receiving, until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "crossbar" / "docs" / "webhooks.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def page() -> dict[str, Any]:
    """Give the names that the page's Python defines."""
    names: dict[str, Any] = {}
    exec("\n".join(BLOCKS), names)
    return names


async def serving(receive: Any) -> tuple[web.AppRunner, str]:
    """Serve a handler, and say where."""
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", receive)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/hook"


@pytest.mark.parametrize(
    ("http_verb", "format"),
    [("post", "json"), ("put", "form-data"), ("get", "form-data")],
    ids=lambda value: str(value),
)
async def test_the_receiver_on_the_page(
    page: dict[str, Any], capsys: pytest.CaptureFixture[str], http_verb: str, format: str
) -> None:
    """The page's own receiver takes a real delivery, checks it, and prints what happened, once."""
    runner, uri = await serving(page["receive"])
    async with at_home() as home:
        body = {"name": "Tell", "hook": "object", "uri": uri, "http_verb": http_verb, "format": format}
        hook = (await home.client.put(f"{home.path}/webhooks", body)).data
        page["SECRETS"][hook["id"]] = hook["secret"]
        await home.device()
        [made] = await home.settled(1)
        assert ("success", 204, {made["event_id"]}) == (made["result"], made["response_code"], page["seen"])
    await runner.cleanup()
    printed = capsys.readouterr().out
    assert (1, True) == (printed.count("doc_created"), home.id in printed)


async def test_the_receiver_refuses_what_we_did_not_send(page: dict[str, Any]) -> None:
    """With another secret, the page's receiver refuses the delivery."""
    runner, uri = await serving(page["receive"])
    async with at_home() as home:
        body = {"name": "Tell", "hook": "object", "uri": uri, "retries": 0}
        hook = (await home.client.put(f"{home.path}/webhooks", body)).data
        page["SECRETS"][hook["id"]] = "whsec_" + "QUJD" * 8
        await home.device()
        [made] = await home.settled(1)
        assert (401, set()) == (made["response_code"], page["seen"])
    await runner.cleanup()


async def test_what_verify_refuses(page: dict[str, Any]) -> None:
    """Other bytes, another id, another time, and an old delivery are refused."""
    secret, now = new_secret(), int(page["time"].time())
    headers = signed_headers([new_secret(), secret], "abc", now, b"content")
    assert page["verify"](secret, headers, b"content") == "abc"
    old = signed_headers([secret], "abc", now - 301, b"content")
    for given, content in (
        (headers, b"other"),
        (headers | {"webhook-id": "abd"}, b"content"),
        (headers | {"webhook-timestamp": str(now - 1)}, b"content"),
        (headers | {"webhook-signature": ""}, b"content"),
        (old, b"content"),
    ):
        with pytest.raises(ValueError, match=r"signature|recent"):
            page["verify"](secret, given, content)


def test_every_option_is_explained() -> None:
    """The page has a row for each option, in their order, with its default and its bounds."""
    section = PAGE.partition("## Options")[2]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")
    ]
    rules = msgspec.json.schema(WebhookOptions)["$defs"]["WebhookOptions"]["properties"]
    fields = msgspec.structs.fields(WebhookOptions)
    assert [f"`{field.name}`" for field in fields] == [row[0] for row in rows]
    for field, (_, default, bounds, meaning) in zip(fields, rows, strict=True):
        shown = "none" if field.default == () else f"`{json.dumps(field.default)}`"
        rule = rules[field.name].get("items", rules[field.name])
        told = [str(rule[end]) for end in ("minimum", "maximum") if end in rule]
        assert (shown, told, True) == (default, re.findall(r"\d+", bounds), bool(meaning)), field.name


def test_the_schedule_that_is_told() -> None:
    """The table of attempts has the waits that the options bring about."""
    section = PAGE.partition("## Retries")[2].partition("## ")[0]
    units = {"seconds": 1, "minutes": 60}
    told = [
        (int(least) * units[unit], int(most) * units[unit])
        for least, most, unit in re.findall(r"^\| \d \| (\d+) to (\d+) (\w+) after", section, re.MULTILINE)
    ]
    failed = Outcome(500, "bad response code")
    options = WebhookOptions()
    assert told == [(wait(made, failed, options, 0.0), wait(made, failed, options, 1.0)) for made in (1, 2, 3, 4)]


async def test_the_event_that_is_shown() -> None:
    """A real event has the keys of the page's example, in their order."""
    [block] = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    async with receiving() as receiver, at_home() as home:
        await home.hook(receiver)
        await home.device()
        await until(lambda: receiver.received)
        assert list(orjson.loads(block)) == list(receiver.received[0].event)


def test_every_field_is_explained() -> None:
    """The page has a row for each field of the schema, but for those that nothing here looks at."""
    schema = orjson.loads((ROOT / "modules" / "schemas" / "webhooks.json").read_bytes())
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE.partition("## What is sent")[0], re.MULTILINE))
    assert set(schema["properties"]) - {"include_internal_legs", "flags"} == told
