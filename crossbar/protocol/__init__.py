"""HTTP/1.1 for uvicorn: a protocol class that costs less than uvicorn's own and keeps the limits of the wire."""

from .http import HttpProtocol
from .limiting import limited

__all__ = ["HttpProtocol", "limited"]
