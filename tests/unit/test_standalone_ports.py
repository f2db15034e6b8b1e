"""Ports are chosen predictably, and every problem with them is said at once."""

from __future__ import annotations

import os
import socket

import pytest

from apps.standalone.errors import Misconfigured
from apps.standalone.port_holders import describe_holder, find_holders
from apps.standalone.ports import is_free, read_port_plan


def test_ports_run_upwards_from_the_web_port() -> None:
    plan = read_port_plan({"ACADEMY_PORT": "9000"})
    assert (plan.web, plan.postgres, plan.s3, plan.sqs) == (9000, 9001, 9002, 9003)


def test_the_web_port_is_8000_when_nobody_says_otherwise() -> None:
    assert read_port_plan({"ACADEMY_PORT": " "}).web == 8000


def test_one_port_can_be_moved_alone() -> None:
    plan = read_port_plan({"ACADEMY_SQS_PORT": "4566"})
    assert plan.sqs == 4566
    assert plan.s3 == 8002


def test_all_problems_are_said_together() -> None:
    with pytest.raises(Misconfigured) as refusal:
        read_port_plan({"ACADEMY_PORT": "web", "ACADEMY_PG_PORT": "70000", "ACADEMY_S3_PORT": "8003"})
    said = str(refusal.value)
    assert "ACADEMY_PORT must be" in said
    assert "ACADEMY_PG_PORT must be" in said
    assert "ACADEMY_S3_PORT and ACADEMY_SQS_PORT both lead to port 8003" in said
    assert refusal.value.exit_code == 78


def test_the_derived_port_counts_too() -> None:
    with pytest.raises(Misconfigured, match="ACADEMY_S3_ADMIN_PORT leads to port 6"):
        read_port_plan({"ACADEMY_PORT": "56000"})


def test_the_holder_of_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        assert not is_free(number)
        assert find_holders(number) == [os.getpid()]
        assert f"process {os.getpid()} (" in describe_holder(number)
    assert is_free(number)
    assert find_holders(number) == []
