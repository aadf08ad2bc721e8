"""A Redis made of Python, for a machine and an interpreter that have no other.

It keeps nothing when it ends; a task that was waiting then is started by its
schedule again and not by the broker.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from fakeredis import TcpFakeServer


def main(port: int, directory: Path, pid_file: Path) -> None:
    """Serve in the background until SIGTERM; return in the caller at once."""
    server = TcpFakeServer(("127.0.0.1", port))
    if os.fork():
        return
    os.setsid()
    os.chdir(directory)
    pid_file.write_text(f"{os.getpid()}\n")
    # A client that is connected, and idle, must not keep the process.
    server.daemon_threads = True

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # In a thread of its own: shutdown waits for the loop that we interrupt.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever()
    server.server_close()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
