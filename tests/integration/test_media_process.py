"""Promises about programs that we start: watched, limited, and gone when they should be."""

import signal
import sys
import threading
from pathlib import Path

import pytest

from libs.media.process import (
    ProcessAborted,
    ProcessDeadlinePassed,
    ProcessLimits,
    ProcessOutgrown,
    ProcessStalled,
    Watch,
    run_process,
)
from tests.chaos.encoders import kill_a_worker
from tests.support.waiting import pause, wait_until

LIMITS = ProcessLimits(cpu_seconds=20, file_size_bytes=1_000_000, memory_bytes=256 * 1024**2)
# Starts a child of its own that would go on for ever, tells both ids, and hangs.
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
print("started", flush=True)
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def family(folder: Path) -> list[int]:
    written = folder / "family"
    text = wait_until(
        lambda: written.exists() and written.read_text(), timeout_seconds=10, message="the family started"
    )
    return [int(pid) for pid in str(text).split()]


def assert_gone(pids: list[int]) -> None:
    wait_until(lambda: not any(is_alive(pid) for pid in pids), timeout_seconds=5, message=f"{pids} are gone")


def run_family(folder: Path, watch: Watch) -> None:
    run_process([sys.executable, "-c", FAMILY, str(folder / "family")], limits=LIMITS, watch=watch)


def test_the_end_of_a_program_is_told_with_all_that_it_said() -> None:
    script = "import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"
    result = run_process([sys.executable, "-c", script], limits=LIMITS, watch=Watch(deadline_seconds=10))
    assert (result.returncode, result.stdout, result.stderr) == (3, b"one\n", "two")


def test_lines_and_bytes_are_handed_on_whole_and_in_order() -> None:
    script = "import sys; [sys.stdout.write(f'{n}\\n') for n in range(20000)]"
    lines: list[str] = []
    run_process([sys.executable, "-c", script], limits=LIMITS, watch=Watch(deadline_seconds=10), on_line=lines.append)
    pieces: list[bytes] = []
    run_process([sys.executable, "-c", script], limits=LIMITS, watch=Watch(deadline_seconds=10), on_bytes=pieces.append)
    assert lines == [str(number) for number in range(20000)]
    assert b"".join(pieces).decode().splitlines() == lines


def test_a_deadline_ends_the_whole_family(tmp_path: Path) -> None:
    with pytest.raises(ProcessDeadlinePassed):
        run_family(tmp_path, Watch(deadline_seconds=1))
    assert_gone(family(tmp_path))


def test_silence_ends_the_whole_family(tmp_path: Path) -> None:
    with pytest.raises(ProcessStalled):
        run_family(tmp_path, Watch(deadline_seconds=60, stall_seconds=0.5))
    assert_gone(family(tmp_path))


def test_an_abort_ends_the_whole_family_at_once(tmp_path: Path) -> None:
    stop = threading.Event()

    def stop_when_started() -> None:
        family(tmp_path)
        stop.set()

    threading.Thread(target=stop_when_started, daemon=True).start()
    with pytest.raises(ProcessAborted):
        run_family(tmp_path, Watch(deadline_seconds=60, should_stop=stop.is_set))
    assert_gone(family(tmp_path))


def test_what_a_program_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    script = FAMILY.replace("time.sleep(600)", "")
    run_process(
        [sys.executable, "-c", script, str(tmp_path / "family")], limits=LIMITS, watch=Watch(deadline_seconds=10)
    )
    assert_gone(family(tmp_path))


def test_a_handler_that_fails_ends_the_program_and_is_heard(tmp_path: Path) -> None:
    def refuse(_content: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        run_process(
            [sys.executable, "-c", FAMILY, str(tmp_path / "family")],
            limits=LIMITS,
            watch=Watch(deadline_seconds=60),
            on_bytes=refuse,
        )
    assert_gone(family(tmp_path))


def test_a_handler_at_work_is_no_silence() -> None:
    done: list[bytes] = []

    def slow(content: bytes) -> None:
        pause(0.6)
        done.append(content)

    watch = Watch(deadline_seconds=10, stall_seconds=0.3)
    run_process(["echo", "one"], limits=LIMITS, watch=watch, on_bytes=slow)
    assert done == [b"one\n"]


def test_no_file_grows_beyond_its_ceiling(tmp_path: Path) -> None:
    script = f"open({str(tmp_path / 'big')!r}, 'wb').write(bytes(5_000_000))"
    result = run_process([sys.executable, "-c", script], limits=LIMITS, watch=Watch(deadline_seconds=10))
    assert result.returncode != 0
    assert (tmp_path / "big").stat().st_size <= 1_000_000


def test_a_program_that_only_computes_is_ended_by_the_kernel() -> None:
    limits = ProcessLimits(cpu_seconds=1, file_size_bytes=1000, memory_bytes=256 * 1024**2)
    result = run_process([sys.executable, "-c", "while True: pass"], limits=limits, watch=Watch(deadline_seconds=30))
    assert result.returncode == -signal.SIGKILL


def test_a_program_that_takes_too_much_memory_is_ended() -> None:
    script = "held = []\nwhile True: held.append(bytearray(8_000_000))"
    with pytest.raises(ProcessOutgrown):
        run_process([sys.executable, "-c", script], limits=LIMITS, watch=Watch(deadline_seconds=30))


def test_signatures_of_urls_are_not_told() -> None:
    script = "import sys; sys.stderr.write('http://host/key?X-Amz-Signature=secret: 403')"
    result = run_process([sys.executable, "-c", script], limits=LIMITS, watch=Watch(deadline_seconds=10))
    assert "secret" not in result.stderr
    assert "http://host/key" in result.stderr


def test_a_worker_that_is_killed_leaves_no_ffmpeg(tmp_path: Path) -> None:
    verdict = kill_a_worker(tmp_path)
    assert verdict.is_clean, str(verdict)
