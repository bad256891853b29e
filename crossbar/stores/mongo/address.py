"""The URL of a MongoDB, taken apart: what it may say, and what messages say of it, which is never a password."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from ...errors import SettingsError
from ...settings import MongoSettings

DATABASE = "crossbar"
"""The database, where the URL names none."""

_FORM = "mongodb://user:password@host1,host2/database?replicaSet=rs0"
_SRV, _PLAIN = "mongodb+srv://", "mongodb://"
_DEFAULTS: Mapping[str, Any] = {
    "appname": "crossbar",
    "retryWrites": True,
    "retryReads": True,
    # NOTE: a server that says nothing any more is noticed after the sum of these, however long one is waited for.
    "connectTimeoutMS": 1200,
    "heartbeatFrequencyMS": 500,
}
_IN_SETTINGS = {
    "w": "write_concern",
    "journal": "journal",
    "readConcernLevel": "read_concern",
    "readPreference": "read_preference",
    "maxPoolSize": "connections",
}
_SECRET = ("password", "authmechanismproperties")


class Address(NamedTuple):
    """A URL of MongoDB, taken apart: what messages call it, its database, and the driver's options."""

    url: str
    name: str
    database: str
    options: Mapping[str, Any]


def address_of(url: str, settings: MongoSettings) -> Address:
    """The address that a URL names, asking nobody; SettingsError for what the driver or this store cannot work with."""
    parsed = _parsed(url)
    said = {name.lower() for name in parsed["options"]}
    if faults := [*_contradictions(parsed["options"], settings)]:
        raise SettingsError(faults, "store")
    hosts = ",".join(_host(url, host, port) for host, port in parsed["nodelist"])
    database = parsed["database"] or DATABASE
    # NOTE: the driver looks for one for half a second longer than it may, which keeps the default under two.
    ours = {**_DEFAULTS, "serverSelectionTimeoutMS": round(1000 * settings.answer_seconds)}
    options = {name: value for name, value in ours.items() if name.lower() not in said}
    return Address(url, f"MongoDB store {hosts}/{database}", database, {**options, "maxPoolSize": settings.connections})


def _parsed(url: str) -> dict[str, Any]:
    place, _, query = url.partition("?")
    if place.startswith(_SRV):
        if find_spec("dns") is None:
            raise _fault(f"mongodb+srv asks DNS for the hosts, which takes `pip install dnspython`; or write {_FORM}")
        # NOTE: the driver's parser would ask DNS here; what the options of that are is looked at when it does.
        place = _PLAIN + place.removeprefix(_SRV)
        query = "&".join(each for each in query.split("&") if not each.lower().startswith("srv"))
    try:
        parsed = dict(parse_uri(place))
    except (PyMongoError, ValueError) as error:
        # NOTE: the driver's sentence can hold a piece of the URL, and that the password.
        escaped = "percent-encoded" in str(error) or "RFC 3986" in str(error)
        why = "user and password must be percent-encoded" if escaped else "cannot be read"
        raise _fault(f"this mongodb URL {why}; write {_FORM}") from None
    hosts = place.removeprefix(_PLAIN).rpartition("@")[2].partition("/")[0]
    if url.startswith(_SRV) and (":" in hosts or "," in hosts):
        raise _fault("mongodb+srv is followed by one name, without a port; DNS knows the hosts")
    if parsed["collection"]:
        raise _fault("the name of the database has no dot in it")
    try:
        whole = f"{place}?{query}" if query else place
        return dict(parse_uri(whole, validate=True, warn=False))
    except (PyMongoError, ValueError, OSError) as error:
        told = " ".join(str(error).removesuffix(" Refer to docstring.").split())
        if "@" in query or any(word in query.lower() for word in _SECRET):
            told = "an option of this mongodb URL cannot be read"
        raise _fault(f"{told.removesuffix('.')}; the options stand behind the `?`") from None


def _contradictions(options: Mapping[str, Any], settings: MongoSettings) -> Iterator[str]:
    """What the URL and the settings say that cannot both be, or that would lose writes."""
    said = {name.lower(): value for name, value in options.items()}
    for name, ours in _IN_SETTINGS.items():
        if name.lower() in said:
            yield f"store.url: {name}: say it in [store.mongodb] as {ours}, not in the URL"
    for name in ("readPreferenceTags", "maxStalenessSeconds"):
        if name.lower() in said:
            yield f"store.url: {name}: goes with no setting of [store.mongodb]; take it out"
    if said.get("retrywrites") is False:
        yield "store.url: retryWrites=false: writes could not be sent again when a connection breaks; take it out"
    if settings.read_concern == "linearizable" and settings.read_preference != "primary":
        yield (
            "store.mongodb.read_concern: linearizable asks the primary alone, and read_preference is "
            f"{settings.read_preference}; write read_concern = 'majority', or read_preference = 'primary'"
        )


def _host(url: str, host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None or url.startswith(_SRV) else f"{shown}:{port}"


def _fault(what: str) -> SettingsError:
    return SettingsError([f"store.url: {what}"], "store")
