"""The named refusals of the order desk.

Every caller (task, admin, command) catches ``OrderError`` and shows its sentence;
the subclasses are those that callers treat differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID


class OrderError(Exception):
    """Something was asked of the order desk that it does not do."""


class InvalidInput(OrderError):  # noqa: N818 - a refusal, named as staff would
    """A value that no state of the order would make acceptable."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class DuplicateReference(OrderError):  # noqa: N818 - as above
    """An order of that channel has this external reference already."""

    def __init__(self, channel: str, reference: str, *, order_id: UUID) -> None:
        super().__init__(
            f"external_reference: “{reference}” names order {order_id} of channel"
            f" “{channel}” already"
        )
        self.field = "external_reference"
        self.order_id = order_id


class Refusal(OrderError):  # noqa: N818 - a refusal, named as staff would
    """One order on which the asked-for change is not allowed now.

    ``code`` names the guard that refused (``status``, ``held``, ``shipped``…).
    ``status`` and ``allowed_actions`` say what the order is in and what it would
    accept instead; both are empty for an order that does not exist.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        order_id: UUID,
        status: str = "",
        allowed_actions: Sequence[str] = (),
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.order_id = order_id
        self.status = status
        self.allowed_actions = tuple(allowed_actions)


class UnknownOrder(Refusal):
    """There is no such order."""


class OutOfStock(Refusal):
    """There are too few units of a SKU for this order."""


class RejectedByDatabase(Refusal):
    """The database itself would not take the change; the constraint is named."""


class PaymentConflict(OrderError):  # noqa: N818 - a refusal, named as staff would
    """A provider's reference was reported before with other content."""

    def __init__(self, sentence: str, *, payment_id: UUID) -> None:
        super().__init__(sentence)
        self.payment_id = payment_id


class OrdersBusy(OrderError):  # noqa: N818 - a refusal, named as staff would
    """Other changes held the same orders for longer than three tries."""
