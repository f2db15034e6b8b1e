"""
Event streams and plain requests of one api process, over real PostgreSQL, all in one run.

Prints: requests per second of granian's WSGI interface and of the api's ASGI root, taken in turns, and their ratio; the
memory of the serving process with no stream and with many idle ones; the time from commit to each of them (p50, p99);
and requests per second beside them.

    python -m benchmarks.sse [--streams 1000] [--events 50] [--seconds 3]
"""

import argparse
import os
import statistics

from tests.support.engines import Engines

ROUNDS = 5


def main() -> None:
    options = _options()
    engines = _start_engines()
    try:
        from benchmarks.sse_measures import Measures, serving

        with serving("wsgi") as plain, serving("asgi") as root:
            measures = Measures(seconds=options.seconds)
            for path in ("healthz-none", "api/v1/media/videos/quota/"):
                ratios = []
                for _ in range(ROUNDS):
                    wsgi, asgi = measures.requests_per_second(plain, path), measures.requests_per_second(root, path)
                    ratios.append(asgi / wsgi)
                    print(f"/{path}: WSGI {wsgi:6.0f} req/s   root {asgi:6.0f} req/s   ratio {ratios[-1]:.2f}")
                print(f"/{path}: ratio, median of {ROUNDS}: {statistics.median(ratios):.2f}   (aim 0.70)")
            before = root.memory_mib()
            with measures.open_streams(root, count=options.streams) as streams:
                after = root.memory_mib()
                each_kib = (after - before) * 1024 / options.streams
                print(f"memory: {before:.0f} MiB without streams, {after:.0f} MiB with them, {each_kib:.0f} KiB each")
                p50, p99 = streams.latency_ms(events=options.events)
                print(f"commit to each of {options.streams} streams: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
                beside = measures.requests_per_second(root, "healthz-none")
                print(f"requests beside {options.streams} idle streams: {beside:.0f} req/s")
    finally:
        engines.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3.0)
    return parser.parse_args()


def _start_engines() -> Engines:
    engines = Engines()
    os.environ.update(engines.environment(), ACADEMY_LOG_LEVEL="ERROR", ACADEMY_ALLOWED_HOSTS="127.0.0.1")
    os.environ["DJANGO_SETTINGS_MODULE"] = "apps.api.config.settings.test"
    assert engines.postgres
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return engines


if __name__ == "__main__":
    main()
