"""
`python -m tests.chaos.worker`: a real worker process, but for the pictures.

When the file that CHAOS_DIE_FILE names appears, it kills itself with SIGKILL at the point whose number is in it.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import django


def main() -> None:
    """Run the product's consumer, handler, lease and ledger with an encoder that writes labels."""
    django.setup()
    from django.conf import settings

    from apps.support.video import wiring
    from apps.worker.video_worker.consumer import run_consumer
    from apps.worker.video_worker.handle import MessageHandler
    from tests.chaos.killing import SuicideSwitch, Watched, watched_database
    from tests.chaos.paper import NobodyHelps, PaperProcessor

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    switch = SuicideSwitch(Path(os.environ["CHAOS_DIE_FILE"]))
    queue: Any = Watched(wiring.job_queue(), "queue", switch)
    storage: Any = Watched(wiring.storage(), "storage", switch)
    handler = MessageHandler(
        queue=queue,
        queue_name=settings.VIDEO_SQS_QUEUE_NAME,
        processor=PaperProcessor(
            storage=storage, seconds_per_chunk=float(os.environ.get("CHAOS_SECONDS_PER_CHUNK", "0.2"))
        ),
        helper=NobodyHelps(),
        worker_id=f"{socket.gethostname()}-{os.getpid()}",
        lease_seconds=settings.VIDEO_LEASE_SECONDS,
        handover_seconds=settings.VIDEO_HANDOVER_SECONDS,
        work_folder=Path(tempfile.mkdtemp(prefix="academy-video-paper-")),
        stopping=stopping,
    )
    with watched_database(switch):
        run_consumer(queue=queue, handler=handler, stopping=stopping)


if __name__ == "__main__":
    main()
