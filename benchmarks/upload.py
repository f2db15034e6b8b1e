"""
Our client against `aws s3 cp`, on the same storage with the same file in the same run.

Prints MB/s of both and their ratio, and the api's CPU seconds per GB uploaded. Both read the file from the page cache
and run as processes of their own; start-up is included, as a person would have it. The file holds no video, so that
nothing is encoded meanwhile: the server stores it, looks at it, and refuses it.

    python -m benchmarks.upload [--size-mib 512] [--rounds 3]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.support.stack import Stack

MIB = 1024**2
CLIENT = Path(__file__).resolve().parents[1] / "clients" / "python" / "src"
REFUSED = 1


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lecture.mp4"
        _write(path, size_bytes=options.size_mib * MIB)
        stack = Stack().start()
        try:
            rounds = [_round(stack, path, number) for number in range(options.rounds)]
        finally:
            stack.close()
    megabytes = options.size_mib * MIB / 1e6
    for aws_seconds, our_seconds, cpu_seconds in rounds:
        print(
            f"aws s3 cp {megabytes / aws_seconds:6.1f} MB/s   academy-video {megabytes / our_seconds:6.1f} MB/s   "
            f"ratio {aws_seconds / our_seconds:.2f}   api CPU {cpu_seconds / megabytes * 1000:.2f} s/GB"
        )
    ratio = statistics.median(aws / ours for aws, ours, _ in rounds)
    print(f"ratio, median of {options.rounds}: {ratio:.2f}   (aim 0.90)")


def _round(stack: Stack, path: Path, number: int) -> tuple[float, float, float]:
    # Whoever goes second finds storage busy with the first one's bytes: they take turns.
    first_ours = number % 2 == 1
    before = 0.0
    results: dict[str, Any] = {}
    for ours in (first_ours, not first_ours):
        if ours:
            before = _api_cpu_seconds(stack)
            results["ours"] = _timed(_our_command(path), _our_environment(stack), expected=REFUSED)
            results["cpu"] = _api_cpu_seconds(stack) - before
        else:
            results["aws"] = _timed(_aws_command(stack, path, number), _aws_environment(stack), expected=0)
    return results["aws"], results["ours"], results["cpu"]


def _timed(command: list[str], environment: dict[str, str], *, expected: int) -> float:
    started = time.perf_counter()
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=600)
    seconds = time.perf_counter() - started
    if ended.returncode != expected:
        raise SystemExit(f"{command[:3]} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
    return seconds


def _our_command(path: Path) -> list[str]:
    return [sys.executable, "-m", "academy_video", "upload", "--json", "--no-resume", str(path)]


def _our_environment(stack: Stack) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(CLIENT),
        "ACADEMY_VIDEO_URL": stack.base_url,
        "ACADEMY_VIDEO_KEY": stack.report()["api_key"],
        "XDG_STATE_HOME": str(stack.home.root),
    }


def _aws_command(stack: Stack, path: Path, number: int) -> list[str]:
    report = stack.report()
    target = f"s3://{report['bucket']}/benchmarks/{number}.mp4"
    aws = str(Path(sys.executable).with_name("aws"))
    return [aws, "--endpoint-url", report["s3_endpoint"], "s3", "cp", "--no-progress", str(path), target]


def _aws_environment(stack: Stack) -> dict[str, str]:
    report = stack.report()
    return {
        **os.environ,
        "AWS_ACCESS_KEY_ID": report["s3_access_key"],
        "AWS_SECRET_ACCESS_KEY": report["s3_secret_key"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _api_cpu_seconds(stack: Stack) -> float:
    api = psutil.Process(stack.processes()["api"])
    times = [process.cpu_times() for process in (api, *api.children(recursive=True))]
    return float(sum(spent.user + spent.system for spent in times))


def _write(path: Path, *, size_bytes: int) -> None:
    with path.open("wb") as file:
        for _ in range(0, size_bytes, MIB):
            file.write(os.urandom(MIB))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--size-mib", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
