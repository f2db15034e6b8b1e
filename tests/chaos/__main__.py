"""`python -m tests.chaos --uploads 200 --seed 1`: prints lost, stuck, duplicated, and exits with 1 if there are any."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.clients import Clients
from tests.chaos.journal import Journal
from tests.chaos.rig import Rig, faketime_library
from tests.chaos.runner import Chaos, Report
from tests.chaos.schedule import make_schedule
from tests.support.clips import make_clip


def run_chaos(
    *,
    uploads: int,
    seed: int,
    workers: int = 3,
    uploads_per_fault: float = 6.0,
    at_a_time: int = 4,
    has_real_encoder: bool = False,
    rest_timeout_seconds: float = 180.0,
    say: object = print,
) -> Report:
    """Run one schedule on an installation of its own, and return what came of it."""
    has_faketime = faketime_library() is not None
    schedule = make_schedule(
        seed=seed, uploads=uploads, workers=workers, uploads_per_fault=uploads_per_fault, has_faketime=has_faketime
    )
    with tempfile.TemporaryDirectory(prefix="academy-video-chaos-") as folder:
        body = make_clip(Path(folder) / "clip.mp4", seconds=1, width=160, height=90).read_bytes()
        journal = Journal(path=Path(folder) / "journal.jsonl")
        with Rig(workers=workers, has_real_encoder=has_real_encoder) as rig:
            clients = Clients(
                make_http=rig.client, journal=journal, body=body, habits=schedule.habits, at_a_time=at_a_time
            )
            return Chaos(rig, schedule, say=say).run(clients, rest_timeout_seconds=rest_timeout_seconds)  # type: ignore[arg-type]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--uploads-per-fault", type=float, default=6.0)
    parser.add_argument("--at-a-time", type=int, default=4)
    parser.add_argument("--encode", action="store_true", help="encode really, instead of writing labels")
    chosen = parser.parse_args()
    report = run_chaos(
        uploads=chosen.uploads,
        seed=chosen.seed,
        workers=chosen.workers,
        uploads_per_fault=chosen.uploads_per_fault,
        at_a_time=chosen.at_a_time,
        has_real_encoder=chosen.encode,
        say=lambda line: print(line, flush=True),
    )
    for line in report.lines():
        print(line)
    if not report.verdict.is_clean:
        print(report.verdict)
    return 0 if report.verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
