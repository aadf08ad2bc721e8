"""Gates: what is reached, what is missed, and how it is told."""

from __future__ import annotations

import pytest

from benchmarks.report import Answer, Gate, Spread, ratios


@pytest.mark.parametrize(
    ("values", "is_reached"),
    [([0.4, 0.5, 9], True), ([0.4, 0.49, 9], False)],
)
def test_gate_looks_at_the_median_of_the_rounds(
    values: list[float],
    is_reached: bool,  # noqa: FBT001
) -> None:
    gate = Gate("speed", Spread(values), at_least=0.5)

    assert gate.is_reached is is_reached


@pytest.mark.parametrize(("value", "is_reached"), [(8, True), (8.1, False)])
def test_gate_with_a_ceiling_is_missed_above_it(
    value: float,
    is_reached: bool,  # noqa: FBT001
) -> None:
    gate = Gate("memory", Spread([value]), at_most=8, unit="MiB")

    assert gate.is_reached is is_reached
    assert gate.bound == "≤ 8 MiB"


def test_ratio_is_that_of_each_round() -> None:
    assert ratios([6, 10, 9], [3, 2, 9]).values == [2, 5, 1]


def test_spread_shows_median_and_range() -> None:
    assert Spread([0.003, 0.001, 0.010]).shown(1e3, 0) == "3 (1 to 10)"


def test_missed_gate_stands_out_in_the_report() -> None:
    gate = Gate("speed", Spread([0.2]), at_least=0.5)
    answer = Answer("What it costs", ["arm"], [["sweep"]], [gate])

    assert "MISSED" in answer.shown()
    assert answer.as_json()["gates"][0]["reached"] is False
