"""Run PostgreSQL, which refuses to be root, as a user without privileges."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from embedded.programs import postgres_home, postgres_version

# Reachable by every user, whatever directory the checkout is under.
STATE_ROOT = Path("/var/lib/order-desk")

# In this order; initdb looks its user up, so a bare number will not do.
ACCOUNTS = ("postgres", "nobody")


class ProgramFailedError(Exception):
    """One of PostgreSQL's programs ended with an error; the text is its own."""


def is_needed() -> bool:
    """Return whether this process is root."""
    return os.geteuid() == 0


def make_directory(path: Path) -> None:
    """Make a directory of mode 0700 that belongs to PostgreSQL's user."""
    if is_needed():
        STATE_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if is_needed():
        account = _account(path)
        os.chown(path, account.pw_uid, account.pw_gid)


def run(program: str, arguments: Sequence[str], directory: Path) -> None:
    """Run one of PostgreSQL's programs as the owner of a directory."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    user, group = _identity(directory)
    command = [str(_reachable_home() / "bin" / program), *arguments]
    # A file and not a pipe: the server that pg_ctl leaves behind would hold the
    # pipe open, and reading it to its end would take for ever.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(  # noqa: S603 - our own arguments, without a shell
            command,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
        output.seek(0)
        if done.returncode:
            message = f"{program} failed:\n{output.read()}"
            raise ProgramFailedError(message)


def _identity(directory: Path) -> tuple[int | None, int | None]:
    if not is_needed():
        return None, None
    account = _account(directory)
    return account.pw_uid, account.pw_gid


def _account(directory: Path) -> pwd.struct_passwd:
    """Return the owner of the directory, so that it stays the owner."""
    owner = directory.stat().st_uid
    if owner:
        return pwd.getpwuid(owner)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in ACCOUNTS if name in known)


def _reachable_home() -> Path:
    """Return an installation that PostgreSQL's user can execute."""
    home = postgres_home()
    if not is_needed() or _is_open_to_all(home):
        return home
    copy = STATE_ROOT / f"postgresql-{postgres_version()}"
    if not copy.exists():
        _copy_installation(home, copy)
    return copy / home.parent.name / home.name


def _is_open_to_all(path: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def _copy_installation(home: Path, copy: Path) -> None:
    """Copy the wheel's two directories, the second being its libraries."""
    package = home.parent
    draft = Path(tempfile.mkdtemp(dir=STATE_ROOT))
    for source in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(source, draft / source.name, symlinks=True)
    draft.chmod(0o755)
    try:
        draft.rename(copy)
    except OSError:
        # Another process was faster; its copy is equally good.
        shutil.rmtree(draft)
