"""`.env.example` names every setting that is read, and no other."""

import ast
import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
READERS = {"str", "bool"}


def names_read() -> set[str]:
    names = set()
    for node in ast.walk(ast.parse((ROOT / "config/settings.py").read_text())):
        if isinstance(node, ast.Call) and node.args:
            names |= names_of(node.func, node.args[0])
    return names


def names_of(function: ast.expr, argument: ast.expr) -> set[str]:
    if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
        return set()
    if isinstance(function, ast.Name) and function.id == "_secret":
        return {argument.value, f"{argument.value}_FILE"}
    if isinstance(function, ast.Name) and function.id == "_number":
        return {argument.value}
    is_read = (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "env"
        and function.attr in READERS
    )
    return {argument.value} if is_read else set()


def names_listed() -> set[str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {m[1] for line in lines if (m := re.match(r"#?([A-Z_]+)=", line))}


def test_the_example_lists_what_is_read() -> None:
    assert names_listed() == names_read()
    assert {"SECRET_KEY_FILE", "PORT", "BUSINESS_TIME_ZONE"} <= names_read()


def test_nobody_else_reads_the_environment() -> None:
    reading = re.compile(r"os\.environ\[|os\.environ\.get|os\.getenv|environ\.Env")
    readers = {
        str(path.relative_to(ROOT))
        for package in ("config", "embedded", "orders", "scheduling")
        for path in (ROOT / package).rglob("*.py")
        if reading.search(path.read_text())
    }

    assert readers <= {"config/settings.py"}
