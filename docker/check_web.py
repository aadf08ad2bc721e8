"""Fail unless the web server in this container is ready; the images have no curl."""

import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

TIMEOUT_SECONDS = 8


def main() -> str | None:
    """Return what is wrong, for `sys.exit`, or nothing."""
    web = HTTPConnection("127.0.0.1", 8000, timeout=TIMEOUT_SECONDS)
    try:
        web.request("GET", "/readyz")
        answer = web.getresponse()
        body = answer.read(500).decode(errors="replace")
    except (OSError, HTTPException) as error:
        return repr(error)
    finally:
        web.close()
    return None if answer.status == HTTPStatus.OK else f"{answer.status} {body}"


if __name__ == "__main__":
    sys.exit(main())
