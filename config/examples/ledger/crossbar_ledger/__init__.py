"""Ledger: what an account has booked, in an SQL database of its own. Crossbar's store holds nothing of it."""

from .ledger import Ledger, LedgerOptions

__all__ = ["Ledger", "LedgerOptions"]
