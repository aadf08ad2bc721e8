"""One line for each record: time, level, logger, event and its fields."""

import logging
import time

# The attributes of every record; all others came in `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Objects that libraries attach, and which hold whole requests or tasks.
_FOREIGN = frozenset({"request", "server_time", "data"})


class FieldFormatter(logging.Formatter):
    """Writes `2026-01-31T00:00:00.000Z INFO orders.sweep finished changed=17`."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's
        """Return the line with its fields, and nothing that could break it."""
        line = super().formatMessage(record).replace("\n", "\\n")
        fields = {
            name: value
            for name, value in vars(record).items()
            if name not in _OWN and name not in _FOREIGN
        }
        return " ".join([line, *(f"{name}={_text(fields[name])}" for name in fields)])


def _text(value: object) -> str:
    text = str(value)
    return (
        repr(text) if not text or any(c.isspace() or c in '"=' for c in text) else text
    )
