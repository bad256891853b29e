"""Refusals in the form of each dialect, and what none of them may say."""

from __future__ import annotations

import re
from typing import Any

from crossbar.testing import Response

_CODE = re.compile(r"[A-Z]{3}-[0-9]{3}")
_WORD = re.compile(r"[a-z][a-z_]*[a-z]")
_TYPES = {
    "crossbar": "application/json",
    "ringcentral": "application/json;charset=utf-8",
    "realm": "application/json",
}
_IDS = {"ringcentral": "rcrequestid"}

# Words of other dialects, which a client of this one would look up in vain.
FOREIGN: dict[str, tuple[str, ...]] = {
    "crossbar": ("perPage", "per_page", "pageToken", "account/~", "@me", "client/", "_method"),
    "ringcentral": (
        *("accounts/{id}", "/v2", "start_key", "page_size", "per_page", "auth_token", "X-Auth-Token", "envelope"),
        *('{"data"', "@me", "client/", "priv_level", "owner_id", "filter_", "verb"),
    ),
    "realm": (
        *("accounts/{id}", "/v2", "next_start_key", "page_size", "perPage", "pageToken", "auth_token", "X-Auth-Token"),
        *("envelope", '{"data"', "~", "account/", "owner_id", "filter_", "_method"),
    ),
}


def refused(dialect: str, response: Response, *statuses: int, asked: str = "") -> list[str]:
    """See that this is a refusal in the form of the dialect, and give its sentences.

    Words of other dialects may stand in it if they stand in what was `asked`.
    """
    assert response.status in (statuses or range(400, 500)), (response.status, response.body)
    assert _TYPES[dialect] == response.headers["content-type"]
    assert response.headers[_IDS.get(dialect, "x-request-id")]
    told = _sentences(dialect, response.json(), response.status)
    for sentence in told:
        found = [word for word in FOREIGN[dialect] if word in sentence and word not in asked]
        assert not found, (found, sentence)
    return told


def _sentences(dialect: str, body: Any, status: int) -> list[str]:
    if dialect == "crossbar":
        assert (str(status), "fatal" if status == 500 else "error") == (body["error"], body["status"])
        assert isinstance(body["data"], dict)
        message = body["data"].get("message")
        return [message] if isinstance(message, str) else []
    if dialect == "ringcentral":
        assert body.keys() <= {"errorCode", "message", "parameterName", "errors", "rateLimit"}
        assert body["errors"]
        for error in body["errors"]:
            assert error.keys() <= {"errorCode", "message", "parameterName"}
            assert _CODE.fullmatch(error["errorCode"])
        assert body["errors"][0].items() <= body.items()
        return [f"{error['message']} {error.get('parameterName', '')}" for error in body["errors"]]
    assert {"message", "status"} == body.keys()
    assert _WORD.fullmatch(body["status"])
    return [body["message"]]
