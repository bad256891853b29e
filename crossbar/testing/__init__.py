"""Testing in the same process: a client that speaks any dialect, applications and stores to test with, and fixtures.

`crossbar.testing.plugin` holds the fixtures for pytest, which imports it in every run: therefore each name is loaded
from its file only when it is first used.
"""

import typing as _typing
from importlib import import_module as _import_module

if _typing.TYPE_CHECKING:
    from .client import Client
    from .exchange import ASGI, Upload, exchanged, scope_of
    from .response import Response
    from .sessions import RunningWorld, Session, SessionSocket, SessionStream, running_world, session
    from .speech import CROSSBAR, Call, CrossbarSpeech, Named, Speech
    from .speeches import REALM, RINGCENTRAL, PlainSpeech, RealmSpeech, RingCentralSpeech
    from .stream import StreamedResponse
    from .websocket import Socket, SocketClosed, SocketRefused
    from .world import NOW, QUICK, Accounts, Clock, World, make_app, make_store, small_world

__all__ = [
    "ASGI",
    "CROSSBAR",
    "NOW",
    "QUICK",
    "REALM",
    "RINGCENTRAL",
    "Accounts",
    "Call",
    "Client",
    "Clock",
    "CrossbarSpeech",
    "Named",
    "PlainSpeech",
    "RealmSpeech",
    "Response",
    "RingCentralSpeech",
    "RunningWorld",
    "Session",
    "SessionSocket",
    "SessionStream",
    "Socket",
    "SocketClosed",
    "SocketRefused",
    "Speech",
    "StreamedResponse",
    "Upload",
    "World",
    "exchanged",
    "make_app",
    "make_store",
    "running_world",
    "scope_of",
    "session",
    "small_world",
]

# Where each name is at home; the type checker reads the same from the imports above.
_HOMES = {
    "client": ("Client",),
    "exchange": ("ASGI", "Upload", "exchanged", "scope_of"),
    "response": ("Response",),
    "sessions": ("RunningWorld", "Session", "SessionSocket", "SessionStream", "running_world", "session"),
    "speech": ("CROSSBAR", "Call", "CrossbarSpeech", "Named", "Speech"),
    "speeches": ("REALM", "RINGCENTRAL", "PlainSpeech", "RealmSpeech", "RingCentralSpeech"),
    "stream": ("StreamedResponse",),
    "websocket": ("Socket", "SocketClosed", "SocketRefused"),
    "world": ("NOW", "QUICK", "Accounts", "Clock", "World", "make_app", "make_store", "small_world"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name from the file that it is at home in (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
