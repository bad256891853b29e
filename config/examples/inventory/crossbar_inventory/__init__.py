"""Inventory: items, the warehouses that they lie in, and the movements between them.

Crossbar finds the endpoints by the entry points in `pyproject.toml`. `ENDPOINTS` is for who builds an application in
code: `Crossbar(endpoints=[endpoint() for endpoint in ENDPOINTS])`.
"""

from .items import Items
from .movements import Movements
from .stock import Stock
from .warehouses import Warehouses

__all__ = ["ENDPOINTS", "Items", "Movements", "Stock", "Warehouses"]

ENDPOINTS = (Items, Movements, Stock, Warehouses)
