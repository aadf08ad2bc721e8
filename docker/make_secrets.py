"""Write what the stack's services read as secrets into the volume they share.

Generated secrets are written once and never again, because the database's own volume
contains its password too. Files derived from them are written at each start, so that
a value in `.env`, or its removal, takes effect with the next start.
"""

import os
import secrets
import tempfile
from pathlib import Path

SECRETS = Path("/run/order-desk")
READABLE_BY_GROUP = 0o440

# Nothing may be evicted: what Redis holds are messages, and not a cache. At a quarter
# of the container's memory there is room for the copy that a rewrite of the log makes.
REDIS_CONF = """\
requirepass {password}
dir /data
appendonly yes
appendfsync everysec
maxmemory 128mb
maxmemory-policy noeviction
"""


def main() -> None:
    """Bring the volume up to date; safe to repeat and to interrupt."""
    database_password = made_once("database_password")
    redis_password = made_once("redis_password")
    secret_key = made_once("generated_secret_key")
    database = f"postgresql://order_desk:{database_password}@db:5432"
    redis = f"redis://:{redis_password}@redis:6379"

    write("redis.conf", REDIS_CONF.format(password=redis_password))
    write("secret_key", os.environ.get("SECRET_KEY") or secret_key)
    write("database_url", os.environ.get("DATABASE_URL") or f"{database}/order_desk")
    write("redis_url", os.environ.get("REDIS_URL") or f"{redis}/0")
    # Nothing is generated: without a server of yours no e-mail is sent.
    write("email_url", os.environ.get("EMAIL_URL", ""))
    # Tests stay inside the stack whatever `.env` says. No database is called `suite`:
    # the one that Django makes for the tests is `test_suite`, and a process of theirs
    # that missed it would find nothing, least of all orders.
    write("test_database_url", f"{database}/suite")
    write("test_redis_url", f"{redis}/1")


def made_once(name: str) -> str:
    """Return the secret called `name`; generate it if there is none yet."""
    path = SECRETS / name
    if not path.exists():
        write(name, secrets.token_urlsafe(48))
    return path.read_text()


def write(name: str, content: str) -> None:
    """Put a file in place whole: a reader sees the old content or the new."""
    descriptor, unfinished = tempfile.mkstemp(dir=SECRETS)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        os.fchmod(descriptor, READABLE_BY_GROUP)
        file.flush()
        os.fsync(descriptor)
    Path(unfinished).replace(SECRETS / name)


if __name__ == "__main__":
    main()
