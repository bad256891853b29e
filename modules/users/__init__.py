"""Users of an account: the people who log in and own devices, and the extensions that they are reached at."""

from .extensions import Extensions
from .people import Users

__all__ = ["Extensions", "Users"]
