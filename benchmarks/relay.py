"""
The relay against its floor, over real PostgreSQL and a real SQS server, all in one run.

Prints: sustained rows/s of a relay process, which logs each message, and of a bare loop of `send_message_batch` on the
same queue, and their ratio; the time from commit to a consumer's hands, idle and under load (p50, p99); and the cost
of a drain beside 0, 10^5 and 10^6 rows that have been sent already.

    python -m benchmarks.relay [--rows 10000] [--rate 200] [--history 0 100000 1000000]
"""

import argparse
import os
import statistics

from tests.support.engines import Engines

ROUNDS = 3
LATENCY_SAMPLES = 200


def main() -> None:
    options = _options()
    engines = _start_engines()
    try:
        from benchmarks.relay_measures import Measures

        measures = Measures(queue_url=engines.queue_url)
        ratios = [measures.throughput_ratio(rows=options.rows) for _ in range(ROUNDS)]
        for bare, relayed in ratios:
            print(f"bare loop {bare:7.0f} msg/s   relay {relayed:7.0f} rows/s   ratio {relayed / bare:.2f}")
        print(f"ratio, median of {ROUNDS}: {statistics.median(r / b for b, r in ratios):.2f}   (aim 0.80)")
        p50, p99 = measures.idle_latency_ms(samples=LATENCY_SAMPLES)
        print(f"commit to visible, idle: p50 {p50:.1f} ms, p99 {p99:.1f} ms   (aim 5 and 50)")
        p50, p99 = measures.loaded_latency_ms(rows_per_second=options.rate, seconds=10)
        print(f"commit to received at {options.rate} rows/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        for sent_rows in options.history:
            print(f"beside {sent_rows:>9,} sent rows: drain of 100 in {measures.drain_ms_beside(sent_rows):.1f} ms")
    finally:
        engines.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--history", type=int, nargs="*", default=[0, 100_000, 1_000_000])
    return parser.parse_args()


def _start_engines() -> Engines:
    engines = Engines()
    os.environ.update(engines.environment(), ACADEMY_LOG_LEVEL="ERROR")
    os.environ["DJANGO_SETTINGS_MODULE"] = "apps.api.config.settings.test"
    assert engines.postgres
    assert engines.sqs
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return engines


if __name__ == "__main__":
    main()
