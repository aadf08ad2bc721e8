"""Files in the superstore format, made row by row."""

import csv
from collections.abc import Iterable
from pathlib import Path

from orders.transfer.superstore import COLUMNS

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


def row(number: int = 1, /, **changes: str) -> Row:
    """Return a good row, with fields changed: `Order_ID` is the column Order ID."""
    named = {name.replace("_", " "): value for name, value in changes.items()}
    return GOOD | {"Row ID": str(number)} | named


def write_csv(path: Path, rows: Iterable[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def published_rows() -> list[Row]:
    with SUPERSTORE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
