"""Files in both formats, made row by row."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from orders.transfer import orderdesk, superstore

SUPERSTORE = Path(__file__).parents[2] / "data" / "superstore.csv"

Row = dict[str, str]

GOOD = {
    "Row ID": "1",
    "Order ID": "A-1",
    "Order Date": "2016-11-08",
    "Ship Date": "2016-11-11",
    "Ship Mode": "Second Class",
    "Customer ID": "CG-12520",
    "Customer Name": "Claire Gute",
    "Segment": "Consumer",
    "Country": "United States",
    "City": "Henderson",
    "State": "Kentucky",
    "Postal Code": "42420",
    "Region": "South",
    "Product ID": "FUR-1",
    "Category": "Furniture",
    "Sub-Category": "Bookcases",
    "Product Name": "Bookcase",
    "Sales": "957.5775",
    "Quantity": "5",
    "Discount": "0.45",
    "Profit": "-383.031",
}

OWN = dict.fromkeys(orderdesk.COLUMNS, "") | {
    "channel": "shop",
    "external_reference": "A-1",
    "status": "open",
    "source": "web",
    "payment_mode": "online",
    "currency": "EUR",
    **dict.fromkeys(orderdesk.AMOUNTS, "0.00"),
    "captured_total": "19.00",
    "customer_name": "Ada Lovelace",
    "shipping_country": "GB",
    "created_at": "2025-03-01T09:00:00Z",
    "placed_at": "2025-03-01T09:00:00Z",
    "captured_at": "2025-03-01T09:05:00Z",
    "updated_at": "2025-03-01T09:05:00Z",
    "automation_exempt": "false",
    "position": "1",
    "sku": "MUG",
    "name": "Enamel mug",
    "quantity": "2",
    "unit_price": "9.50",
    "line_discount": "0.00",
    "line_tax": "0.00",
    "requires_shipping": "true",
    "qty_fulfilled": "0",
    "qty_returned": "0",
    "qty_cancelled": "0",
}


def row(number: int = 1, /, **changes: str) -> Row:
    """Return a good row, with fields changed: `Order_ID` is the column Order ID."""
    named = {name.replace("_", " "): value for name, value in changes.items()}
    return GOOD | {"Row ID": str(number)} | named


def own_row(position: int = 1, /, **changes: str) -> Row:
    """Return a line of a paid order in our own form, with fields changed."""
    return OWN | {"position": str(position)} | changes


def write_csv(
    path: Path, rows: Iterable[Row], columns: Sequence[str] = superstore.COLUMNS
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_own(path: Path, rows: Iterable[Row]) -> Path:
    return write_csv(path, rows, orderdesk.COLUMNS)


def published_rows() -> list[Row]:
    with SUPERSTORE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
