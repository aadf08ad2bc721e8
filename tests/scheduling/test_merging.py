"""What the table decides about a schedule, and what staff did."""

import pytest

from scheduling.merging import Difference, merge


@pytest.mark.parametrize(
    ("applied", "standing", "default", "moved", "kept"),
    [
        pytest.param("a", "a", "a", False, False, id="nothing happened"),
        pytest.param("a", "a", "b", True, False, id="the table moved"),
        pytest.param("a", "b", "a", False, True, id="staff moved"),
        pytest.param("a", "b", "c", False, True, id="both moved apart"),
        pytest.param("a", "b", "b", False, False, id="both moved alike"),
    ],
)
def test_a_field_moves_where_it_stands_as_it_was_applied(
    *, applied: str, standing: str, default: str, moved: bool, kept: bool
) -> None:
    plan = merge(
        applied={"task": applied},
        standing={"task": standing},
        default={"task": default},
    )

    difference = (Difference(field="task", standing=standing, default=default),)
    assert plan.moved == (difference if moved else ())
    assert plan.kept == (difference if kept else ())


def test_fields_are_merged_apart() -> None:
    plan = merge(
        applied={"task": "a", "description": "old", "enabled": True},
        standing={"task": "a", "description": "ours", "enabled": True},
        default={"task": "b", "description": "new", "enabled": True},
    )

    assert [one.field for one in plan.moved] == ["task"]
    assert [one.field for one in plan.kept] == ["description"]


def test_everything_is_kept_where_nobody_knows_what_was_applied() -> None:
    plan = merge(applied=None, standing={"task": "a"}, default={"task": "b"})

    assert plan.moved == ()
    assert [one.field for one in plan.kept] == ["task"]
