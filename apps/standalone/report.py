"""What a running installation tells about itself: a file for programs, a banner for people."""

from __future__ import annotations

import json

from apps.standalone.engines.postgres import database_url
from apps.standalone.engines.sqs import REGION, queue_url
from apps.standalone.environment import BUCKET, DLQ_NAME, QUEUE_NAME, TENANT_CODE
from apps.standalone.paths import Home, write_private
from apps.standalone.ports import SLOTS, PortPlan
from apps.standalone.processes import Installation

BANNER_WIDTH = 78


def write_report(installation: Installation, pids: dict[str, int]) -> None:
    """Write `standalone.json`, readable by this user only."""
    ports, credentials = installation.ports, installation.credentials
    report = {
        "base_url": installation.base_url,
        "tenant_code": TENANT_CODE,
        "api_key": credentials.api_key,
        "web_user": credentials.web_user,
        "web_password": credentials.web_password,
        "database_url": database_url(port=ports.postgres, password=credentials.database_password),
        "s3_endpoint": f"http://127.0.0.1:{ports.s3}",
        "s3_access_key": credentials.aws_access_key_id,
        "s3_secret_key": credentials.aws_secret_access_key,
        "bucket": BUCKET,
        "sqs_endpoint": f"http://127.0.0.1:{ports.sqs}",
        "sqs_region": REGION,
        "queue_url": queue_url(port=ports.sqs, queue_name=QUEUE_NAME),
        "dlq_url": queue_url(port=ports.sqs, queue_name=DLQ_NAME),
        "ports": dict(ports.numbers),
        "processes": pids,
    }
    write_private(installation.home.report_file, json.dumps(report, indent=2) + "\n")


def running_ports(home: Home) -> PortPlan | None:
    """Return the ports of the installation that runs in this home; None when none does."""
    try:
        report = json.loads(home.report_file.read_text(encoding="utf-8"))
        return PortPlan(numbers={variable: int(report["ports"][variable]) for variable, _ in SLOTS})
    except (OSError, ValueError, LookupError, TypeError):
        return None


def remove_report(installation: Installation) -> None:
    """Remove it: nothing that it tells is true any more."""
    installation.home.report_file.unlink(missing_ok=True)


def banner(installation: Installation, *, ready_seconds: float) -> str:
    """Return what a person needs to begin."""
    credentials = installation.credentials
    rule = "─" * BANNER_WIDTH
    return f"""
{rule}
  Academy Video 준비 완료 · ready in {ready_seconds:.1f} s

  주소     address    {installation.base_url}
  아이디   user       {credentials.web_user}
  비밀번호 password   {credentials.web_password}
  API 키   API key    {credentials.api_key}

  로그     logs       {installation.home.log_folder}
  접속정보 endpoints  {installation.home.report_file}
  종료     stop       Ctrl-C
{rule}
"""
