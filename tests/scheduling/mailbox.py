"""A mail server in this process, which may be as bad as servers are."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum, auto


class Mood(Enum):
    WELL = auto()
    #: Says nothing at all.
    MUTE = auto()
    #: 451 to every recipient.
    REFUSES = auto()
    #: 550 to one recipient, whoever is called nobody.
    KNOWS_NOT_NOBODY = auto()
    #: 451 after the whole message.
    REFUSES_DATA = auto()
    #: Takes the whole message and ends the connection without a word.
    DROPS_AFTER_DATA = auto()
    #: Takes the whole message and never says that it did.
    HANGS_AFTER_DATA = auto()


class Mailbox(socketserver.ThreadingTCPServer):
    """What was taken in whole is in `mails`, whatever the sender was told."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.mood = Mood.WELL
        self.mails: list[EmailMessage] = []
        self.over = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Dialogue(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        if self.server.mood is Mood.MUTE:
            self.server.over.wait()
            return
        self._say("220 ready")
        while line := self.rfile.readline():
            verb = line.decode().split(maxsplit=1)[0].upper()
            if not self._answer(verb, line.decode()):
                return

    def _answer(self, verb: str, line: str) -> bool:
        """Answer one command, and return whether the dialogue goes on."""
        if verb == "DATA":
            return self._take_mail()
        is_refused = verb == "RCPT" and (
            self.server.mood is Mood.REFUSES
            or (self.server.mood is Mood.KNOWS_NOT_NOBODY and "nobody" in line)
        )
        self._say(
            "451 later" if is_refused else "221 bye" if verb == "QUIT" else "250 ok"
        )
        return verb != "QUIT"

    def _take_mail(self) -> bool:
        self._say("354 go on")
        lines = iter(self.rfile.readline, b".\r\n")
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        if self.server.mood is Mood.REFUSES_DATA:
            self._say("451 later")
            return True
        self.server.mails.append(mail)
        if self.server.mood is Mood.HANGS_AFTER_DATA:
            self.server.over.wait()
        if self.server.mood is not Mood.WELL and self.server.mood.name.endswith("DATA"):
            return False
        self._say("250 taken")
        return True

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    """Serve on a free port until the end."""
    with Mailbox() as mailbox:
        threading.Thread(
            target=mailbox.serve_forever, args=(0.01,), daemon=True
        ).start()
        try:
            yield mailbox
        finally:
            mailbox.over.set()
            mailbox.shutdown()
