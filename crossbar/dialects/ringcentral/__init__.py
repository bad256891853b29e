"""RingCentral's conventions: `/restapi/v1.0/account/~/extension/~/...`."""

from .dialect import RingCentralDialect

__all__ = ["RingCentralDialect"]
