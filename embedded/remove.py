"""Stop the servers of a run directory and remove it with all their data.

python -m embedded.remove RUN_DIR
"""

import shutil
import sys
from pathlib import Path

from embedded.layout import prepare
from embedded.servers import EmbeddedServers


def remove(run_dir: Path) -> bool:
    """Remove everything that belongs to the directory, unless it is in use."""
    for nested in run_dir.glob("*/layout.lock"):
        if not remove(nested.parent):
            return False
    layout = prepare(run_dir)
    if not EmbeddedServers(layout).stop_if_unused():
        return False
    for directory in (layout.postgres_dir, layout.redis_sockets, layout.run_dir):
        shutil.rmtree(directory, ignore_errors=True)
    return True


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if target.is_dir() and not remove(target):
        sys.exit(f"{target} is in use: stop what runs on it first.")
