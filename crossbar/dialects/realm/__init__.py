"""The realm conventions: `/api/ver1.0/client/@me/extension/`."""

from .dialect import RealmDialect

__all__ = ["RealmDialect"]
