"""What `make run` promises to the person at the terminal."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from apps.standalone.paths import REPOSITORY
from apps.standalone.ports import is_free
from tests.support.stack import Stack
from tests.support.waiting import wait_until

MakeStack = Callable[..., Stack]


@pytest.fixture(scope="module")
def idle_stack() -> Iterator[Stack]:
    """An installation without workers: nothing here encodes."""
    stack = Stack(workers=0)
    stack.start()
    yield stack
    stack.close()


def all_ports_free(stack: Stack) -> bool:
    return all(is_free(number) for _, number in stack.ports.listening())


class TestReport:
    def test_it_tells_how_to_reach_everything_and_only_to_its_owner(self, idle_stack: Stack) -> None:
        assert stat.S_IMODE(idle_stack.home.report_file.stat().st_mode) == 0o600
        report = idle_stack.report()
        assert {
            "base_url",
            "tenant_code",
            "api_key",
            "web_user",
            "web_password",
            "database_url",
            "s3_endpoint",
            "s3_access_key",
            "s3_secret_key",
            "bucket",
            "sqs_endpoint",
            "queue_url",
            "dlq_url",
            "processes",
        } <= report.keys()
        assert report["tenant_code"] == "demo"
        assert set(report["processes"]) == {"postgres", "s3", "sqs", "api", "relay", "reconciler"}
        with psycopg.connect(report["database_url"]) as connection:
            assert connection.execute("SELECT code FROM core_tenant").fetchall() == [("demo",)]

    def test_secrets_are_readable_by_their_owner_only(self, idle_stack: Stack) -> None:
        assert stat.S_IMODE(idle_stack.home.credentials_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(idle_stack.home.control_socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(idle_stack.home.log_folder.stat().st_mode) == 0o700

    def test_the_terminal_shows_address_login_and_key_in_both_languages(self, idle_stack: Stack) -> None:
        report, shown = idle_stack.report(), idle_stack.terminal_text()
        for value in ("base_url", "web_user", "web_password", "api_key"):
            assert report[value] in shown
        assert "준비 완료" in shown
        assert "ready in" in shown

    def test_no_colours_where_there_is_no_terminal(self, idle_stack: Stack) -> None:
        assert "\x1b[" not in idle_stack.terminal_text()

    def test_each_process_has_its_log(self, idle_stack: Stack) -> None:
        names = {path.name for path in idle_stack.home.log_folder.iterdir()}
        assert {"postgres.log", "s3.log", "sqs.log", "api.log", "migrate.log", "supervisor.log"} <= names
        assert "database system is ready" in idle_stack.log("postgres")

    def test_nothing_listens_beyond_this_machine(self, idle_stack: Stack) -> None:
        own_ports = {number for _, number in idle_stack.ports.listening()}
        listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
        addresses = {
            line.split()[1].partition(":")[0]
            for line in listening
            if line.split()[3] == "0A" and int(line.split()[1].partition(":")[2], 16) in own_ports
        }
        assert addresses == {"0100007F"}

    def test_the_key_opens_the_api(self, idle_stack: Stack) -> None:
        assert idle_stack.http.get("/api/v1/media/videos/").status_code == 200
        denied = idle_stack.http.get("/api/v1/media/videos/", headers={"Authorization": "Bearer wrong"})
        assert denied.status_code == 401


class TestCrashes:
    @pytest.mark.parametrize("name", ["postgres", "s3", "sqs", "api", "relay", "reconciler"])
    def test_a_killed_process_comes_back(self, idle_stack: Stack, name: str) -> None:
        old_pid = idle_stack.kill(name)
        idle_stack.wait_restarted(name, old_pid)
        idle_stack.wait_until_healthy()
        wait_until(
            lambda: idle_stack.http.get("/api/v1/media/videos/").status_code == 200,
            timeout_seconds=20,
            message="the list answers",
        )

    def test_killing_the_supervisor_leaves_nothing_and_the_next_start_is_undisturbed(
        self, make_stack: MakeStack
    ) -> None:
        stack = make_stack(workers=1)
        stack.start()
        assert len(stack.living_processes()) >= 7
        stack.kill_supervisor()
        wait_until(stack.is_gone, timeout_seconds=10, message="all children are gone")
        assert all_ports_free(stack)
        assert stack.home.report_file.exists(), "the stale report is what this is about"
        stack.start()
        assert stack.http.get("/api/v1/media/videos/").status_code == 200


class TestStopping:
    def test_ctrl_c_ends_every_process_and_a_second_start_finds_the_data(self, make_stack: MakeStack) -> None:
        stack = make_stack(workers=1)
        stack.start()
        first = stack.report()
        with psycopg.connect(first["database_url"]) as connection:
            connection.execute("UPDATE core_tenant SET name = '한빛 학원'")
        assert stack.interrupt(signal.SIGINT) == 0
        assert stack.living_processes() == set()
        assert all_ports_free(stack)
        assert not stack.home.report_file.exists()

        stack.start()
        second = stack.report()
        assert {key: first[key] for key in first if key != "processes"} == {
            key: second[key] for key in second if key != "processes"
        }
        with psycopg.connect(second["database_url"]) as connection:
            assert connection.execute("SELECT name FROM core_tenant").fetchall() == [("한빛 학원",)]
        assert stack.interrupt(signal.SIGTERM) == 0
        assert stack.living_processes() == set()

    def test_a_stop_during_the_start_ends_every_process(self, make_stack: MakeStack) -> None:
        stack = make_stack(workers=1)
        stack.launch()
        wait_until(lambda: stack.log("migrate"), timeout_seconds=30, message="migrations began")
        assert stack.interrupt(signal.SIGINT) == 0
        assert stack.living_processes() == set()


class TestRefusals:
    def test_a_taken_port_names_its_holder_and_the_variable(self, make_stack: MakeStack) -> None:
        stack = make_stack(workers=0)
        with socket.create_server(("127.0.0.1", stack.ports.sqs)):
            done = run_standalone(stack)
        assert done.returncode == 78
        assert f"port {stack.ports.sqs}" in done.stderr
        assert "ACADEMY_SQS_PORT" in done.stderr
        assert f"process {os.getpid()}" in done.stderr
        assert stack.living_processes() == set()
        assert not stack.home.credentials_file.exists()

    def test_a_second_start_in_the_same_home_is_told_so(self, idle_stack: Stack) -> None:
        before = idle_stack.processes()
        done = run_standalone(idle_stack)
        assert done.returncode == 78
        assert "already runs" in done.stderr
        assert str(idle_stack.supervisor_pid) in done.stderr
        assert idle_stack.processes() == before

    @pytest.mark.parametrize(
        ("variable", "value"),
        [("ACADEMY_PORT", "http"), ("ACADEMY_PG_PORT", "0"), ("ACADEMY_PORT", "65000"), ("WORKERS", "-1")],
    )
    def test_nonsense_in_the_environment_is_named(self, make_stack: MakeStack, variable: str, value: str) -> None:
        stack = make_stack(workers=0)
        done = run_standalone(stack, {**dict.fromkeys(stack.ports.numbers, ""), variable: value})
        assert done.returncode == 78
        assert variable in done.stderr or "ACADEMY_S3_ADMIN_PORT" in done.stderr

    def test_a_lost_secrets_file_is_not_replaced_beside_its_data(self, make_stack: MakeStack) -> None:
        stack = make_stack(workers=0)
        (stack.home.postgres_folder / "data").mkdir(parents=True)
        done = run_standalone(stack)
        assert done.returncode == 78
        assert "secrets.json is missing" in done.stderr
        assert not stack.home.credentials_file.exists()

    def test_control_without_an_installation_says_so(self, make_stack: MakeStack) -> None:
        done = run_standalone(make_stack(), arguments=("ctl", "status"))
        assert done.returncode == 78
        assert "make run" in done.stderr


class TestControl:
    def test_a_paused_process_stays_down_until_it_is_resumed(self, idle_stack: Stack) -> None:
        old_pid = idle_stack.processes()["sqs"]
        idle_stack.pause("sqs")
        assert "sqs" not in idle_stack.processes()
        assert is_free(idle_stack.ports.sqs)
        idle_stack.resume("sqs")
        assert idle_stack.processes()["sqs"] != old_pid
        assert not is_free(idle_stack.ports.sqs)

    def test_an_unknown_name_is_refused_and_changes_nothing(self, idle_stack: Stack) -> None:
        before = idle_stack.processes()
        done = run_standalone(idle_stack, arguments=("ctl", "stop", "kafka"))
        assert done.returncode == 1
        assert "kafka" in done.stderr
        assert idle_stack.processes() == before

    def test_management_commands_get_the_installations_settings(self, idle_stack: Stack) -> None:
        done = idle_stack.manage("migrate", "--check")
        assert done.returncode == 0, done.stderr


def run_standalone(
    stack: Stack, variables: dict[str, str] | None = None, arguments: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, as someone does who gets told why it cannot start."""
    return subprocess.run(
        [sys.executable, "-m", "apps.standalone", *arguments],
        check=False,
        cwd=REPOSITORY,
        env={**stack.environment(), **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_report_is_json_that_programs_read(idle_stack: Stack) -> None:
    assert json.loads(idle_stack.home.report_file.read_text())["queue_url"].endswith("/academy-video-jobs")
