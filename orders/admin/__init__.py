"""The staff's desk in Django Admin: one door among others to the services."""

from .order import OrderAdmin
from .policy import ClosePolicyAdmin
from .stock import StockItemAdmin
from .sweep import AutoCloseRunAdmin

__all__ = ["AutoCloseRunAdmin", "ClosePolicyAdmin", "OrderAdmin", "StockItemAdmin"]
