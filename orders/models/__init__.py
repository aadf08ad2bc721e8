from .event import Actor, OrderEvent, Origin
from .fulfillment import Fulfillment, FulfillmentLine
from .order import Order, OrderLine
from .payment import Payment
from .policy import ClosePolicy
from .stock import StockItem
from .sweep import AutoCloseRun

__all__ = [
    "Actor",
    "AutoCloseRun",
    "ClosePolicy",
    "Fulfillment",
    "FulfillmentLine",
    "Order",
    "OrderEvent",
    "OrderLine",
    "Origin",
    "Payment",
    "StockItem",
]
