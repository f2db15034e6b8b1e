"""A whole installation, started the way `make run` starts it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from apps.standalone.engines.s3 import remove_stale_sockets
from apps.standalone.launch import die_with_parent
from apps.standalone.paths import REPOSITORY, Home
from apps.standalone.ports import PortPlan
from tests.support.engines import temporary_home
from tests.support.leaks import leaks_in, stored_secrets
from tests.support.ports import free_port_plan
from tests.support.waiting import wait_until

START_TIMEOUT_SECONDS = 90.0
STOP_TIMEOUT_SECONDS = 40.0
REQUEST_TIMEOUT_SECONDS = 30.0
# What the test session sets for itself must not reach an installation that decides for itself.
_OWN_PREFIXES = ("ACADEMY_", "AWS_", "DATABASE_", "DJANGO_", "METRICS_", "OTEL_", "S3_", "SQS_", "VIDEO_", "WORKERS")


class Stack:
    """
    A running installation with its own home and ports.

    Args:
        home: Where its files are; a fresh temporary one by default, removed at the end.
        workers: How many workers it runs.
        variables: More environment variables, `VIDEO_LEASE_SECONDS` and the like.
    """

    def __init__(
        self,
        *,
        home: Home | None = None,
        ports: PortPlan | None = None,
        workers: int = 1,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.home = home or temporary_home("stack")
        self.ports = ports or free_port_plan()
        self._owns_home = home is None
        self._variables = {"WORKERS": str(workers), **(variables or {})}
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None

    @property
    def base_url(self) -> str:
        return str(self.report()["base_url"])

    @property
    def supervisor_pid(self) -> int:
        if self._supervisor is None:
            raise RuntimeError("the stack is not running")
        return self._supervisor.pid

    @property
    def http(self) -> httpx.Client:
        """A client with the installation's API key."""
        if self._client is None:
            self._client = httpx.Client(
                base_url=self.base_url,
                headers={"Authorization": f"Bearer {self.report()['api_key']}"},
                timeout=REQUEST_TIMEOUT_SECONDS,
                trust_env=False,
            )
        return self._client

    @property
    def terminal_file(self) -> Path:
        """What the supervisor printed."""
        return self.home.root / "terminal.log"

    def environment(self) -> dict[str, str]:
        """Return the environment that the supervisor gets."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIXES)}
        ports = {variable: str(number) for variable, number in self.ports.numbers.items()}
        return {**inherited, **ports, "ACADEMY_HOME": str(self.home.root), **self._variables}

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the supervisor without waiting for anything."""
        test_process = os.getpid()
        with self.terminal_file.open("ab") as terminal:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "apps.standalone"],
                cwd=REPOSITORY,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(test_process),  # noqa: PLW1509
            )
        return self._supervisor

    def start(self) -> Stack:
        """Start it and wait until it serves."""
        supervisor = self.launch()

        def serves() -> bool:
            if supervisor.poll() is not None:
                raise AssertionError(f"ended with status {supervisor.returncode}:\n{self.terminal_text()}")
            return self.home.report_file.exists() and self.is_healthy()

        try:
            wait_until(serves, timeout_seconds=START_TIMEOUT_SECONDS, message="the stack is ready")
        except AssertionError as error:
            self.close()
            raise AssertionError(f"{error}\n{self.terminal_text()}") from error
        return self

    def is_healthy(self) -> bool:
        """Whether the api answers that it serves."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports.web}/healthz", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def report(self) -> dict[str, Any]:
        """Return what `standalone.json` says now."""
        report: dict[str, Any] = json.loads(self.home.report_file.read_text(encoding="utf-8"))
        return report

    def processes(self) -> dict[str, int]:
        """Return the ids of the processes that run now, by name."""
        return dict(self.report()["processes"])

    def kill(self, name: str) -> int:
        """Kill one process as a crash would, and return the id that it had."""
        pid = self.processes()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, name: str, old_pid: int, *, timeout_seconds: float = 30.0) -> int:
        """Wait until a process runs under another id, and return that."""
        return wait_until(
            lambda: next((pid for key, pid in self.processes().items() if key == name and pid != old_pid), 0),
            timeout_seconds=timeout_seconds,
            message=f"{name} runs again",
        )

    def pause(self, *names: str) -> None:
        """Stop some processes and leave them stopped; `worker` means all workers."""
        self.control("stop", *names)

    def resume(self, *names: str) -> None:
        """Start paused processes again and wait until they are ready."""
        self.control("start", *names)

    def control(self, *words: str) -> dict[str, Any]:
        """Run `python -m apps.standalone ctl`."""
        done = self._run("-m", "apps.standalone", "ctl", *words)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a manage.py command with the installation's settings."""
        return self._run("-m", "apps.standalone", "manage", *arguments)

    def log(self, name: str) -> str:
        """Return everything that a process has printed so far."""
        path = self.home.log_folder / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def terminal_text(self) -> str:
        """Return everything that the supervisor has printed so far."""
        return self.terminal_file.read_text(encoding="utf-8", errors="replace") if self.terminal_file.exists() else ""

    def wait_until_healthy(self, *, timeout_seconds: float = 30.0) -> None:
        """Wait until the api serves again."""
        wait_until(self.is_healthy, timeout_seconds=timeout_seconds, message="the api is healthy")

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does, and return its exit status."""
        self._close_client()
        if self._supervisor is None:
            raise RuntimeError("the stack is not running")
        self._supervisor.send_signal(number)
        status = self._supervisor.wait(timeout=STOP_TIMEOUT_SECONDS)
        self._supervisor = None
        return status

    def kill_supervisor(self) -> None:
        """Kill the supervisor, which can then stop nothing in order."""
        self._close_client()
        if self._supervisor is None:
            raise RuntimeError("the stack is not running")
        self._supervisor.kill()
        self._supervisor.wait(timeout=STOP_TIMEOUT_SECONDS)
        self._supervisor = None

    def living_processes(self) -> set[int]:
        """Return every living process of this home, whoever its parent is."""
        marker = f"ACADEMY_SUPERVISED_HOME={self.home.root}".encode()
        return {pid for pid in _process_ids() if _is_of_home(pid, self.home.root, marker)}

    def is_gone(self) -> bool:
        """Whether nothing of this home runs any more."""
        return not self.living_processes()

    def stop(self) -> None:
        """Stop it in order, if it runs."""
        if self._supervisor is None:
            return
        if self._supervisor.poll() is not None:
            self._supervisor = None
            return
        self.interrupt(signal.SIGTERM)

    def close(self) -> None:
        """
        End it and remove its files, if they are its own. Not in order, because that takes seconds.

        Raises:
            AssertionError: One of its processes has written a secret into its log.
        """
        self._close_client()
        if self._supervisor is not None and self._supervisor.poll() is None:
            self.kill_supervisor()
        self._supervisor = None
        leaks = leaks_in(self.home.log_folder, stored_secrets(self.home.credentials_file))
        if self._owns_home:
            wait_until(self.is_gone, timeout_seconds=STOP_TIMEOUT_SECONDS, message="all processes are gone")
            remove_stale_sockets(self.ports)
            shutil.rmtree(self.home.root)
        assert not leaks, f"secrets in the logs: {leaks[:20]}"

    def _close_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            check=False,
            cwd=REPOSITORY,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _is_of_home(pid: int, root: Path, marker: bytes) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        folder = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return False
    # PostgreSQL's own children write their titles over their environment.
    return marker in environment.split(b"\0") or folder.is_relative_to(root)
