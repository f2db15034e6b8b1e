"""To whoever runs this in containers: the files are well-formed, and what they configure is a runnable installation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.api.config.env import read_environment

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
DOCKERFILE = DEPLOY / "docker/Dockerfile"
COMPOSE = DEPLOY / "compose.yaml"
BINARIES = Path(sys.executable).parent


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return document


def targets() -> set[str]:
    return set(re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE))


def run(*argv: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in argv], check=False, capture_output=True, text=True, timeout=120)


def test_the_dockerfile_has_no_finding() -> None:
    done = run(BINARIES / "hadolint", DOCKERFILE)
    assert (done.stdout, done.returncode) == ("", 0)


def test_there_is_an_image_for_every_process() -> None:
    assert {"api", "relay", "worker", "reconciler"} <= targets()


def test_everything_that_is_copied_is_there_and_not_ignored() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, flags=re.MULTILINE)
        for source in line.split()[:-1]
    ]
    kept = re.findall(r"^!(\S+)$", (REPOSITORY / ".dockerignore").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert sources
    for source in sources:
        assert (REPOSITORY / source).exists(), source
        assert any(source == name or source.startswith(f"{name}/") for name in kept) or source.rstrip("/") in kept


def test_the_images_run_as_nobody_in_particular() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_compose_file_is_one() -> None:
    done = run(BINARIES / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("service", ["setup", "api", "relay", "worker", "reconciler"])
def test_a_filled_in_example_is_a_runnable_configuration(service: str) -> None:
    example = (DEPLOY / "compose.env.example").read_text(encoding="utf-8")
    given = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", example, re.MULTILINE))
    described = compose()["services"][service]

    def fill_in(variable: re.Match[str]) -> str:
        may_stay_empty = variable[2] is not None
        return given[variable[1]] or ("" if may_stay_empty else "s" * 64)

    filled = {name: re.sub(r"\$\{(\w+)(:-)?\}", fill_in, text) for name, text in described["environment"].items()}

    environment = read_environment(filled)

    assert environment.storage.endpoint_url == "http://storage:8333"
    assert environment.queue.endpoint_url == "http://queue:9324"
    assert environment.database.host == "postgres"
    assert described["build"]["target"] in targets()


def test_prometheus_scrapes_every_process_where_it_answers_and_nothing_of_it_is_published() -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job["dns_sd_configs"][0] for job in scraped["scrape_configs"]}
    services = compose()["services"]
    processes = {name for name, service in services.items() if "build" in service} - {"setup"}

    assert set(jobs) == processes
    for name in processes:
        measured = services[name]["environment"]
        assert jobs[name]["names"] == [name]
        assert (measured["METRICS_ADDRESS"], measured["METRICS_PORT"]) == ("0.0.0.0", str(jobs[name]["port"]))
    published = [str(port).rsplit(":", 1)[-1] for service in services.values() for port in service.get("ports", [])]
    assert "9100" not in published
    assert [(DEPLOY / "prometheus" / name).exists() for name in scraped["rule_files"]] == [True]


def test_the_api_has_one_worker_a_process_so_that_all_its_requests_are_measured() -> None:
    (workers,) = re.findall(r'"--workers", "(\d+)"', DOCKERFILE.read_text(encoding="utf-8"))
    assert workers == "1"


def test_no_secret_has_a_default() -> None:
    example = (DEPLOY / "compose.env.example").read_text(encoding="utf-8")
    secrets = re.findall(r"^(\w*(?:PASSWORD|SECRET)\w*)=(.*)$", example, flags=re.MULTILINE)
    assert {name for name, value in secrets if value} == set()
    assert {"POSTGRES_PASSWORD", "ACADEMY_SECRET_KEY", "VIDEO_PLAYBACK_SECRET", "S3_SECRET_ACCESS_KEY"} == {
        name for name, _ in secrets
    }
