"""
To whoever deploys to AWS: the template is accepted, makes what the product needs, and grants no more.

It is deployed to an AWS-compatible server and the first line of the product runs against what it made. That server
knows neither metric filters, alarms nor scaling: those are held by the linter's schemas alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from cfnlint.decode import decode
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from apps.core.models import Tenant
from apps.support.video import wiring
from apps.support.video.domain.contracts import TranscodeMessage
from libs.s3_client.provision import cors_rules
from tests.support.api import Api
from tests.support.clips import make_clip

TEMPLATE = Path(__file__).resolve().parents[2] / "deploy/aws/template.yaml"
CFN_LINT = Path(sys.executable).parent / "cfn-lint"
REGION = "ap-northeast-2"
ACCOUNT = "123456789012"
PARAMETERS = {
    "BucketName": "academy-video-of-a-test",
    "WebOrigin": "https://video.example.com",
    "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:operators",
    "WorkerImage": "worker:1",
    "WorkerSubnets": "subnet-11111111",
    "WorkerSecurityGroups": "sg-11111111",
    "WorkerSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:academy-video",
}

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")


class Cloud:
    """An AWS-compatible server with the template's stack in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client("ecs").create_cluster(clusterName="default")  # type: ignore[attr-defined]
        stacks: Any = self.client("cloudformation")
        stacks.create_stack(
            StackName="academy-video",
            TemplateBody=TEMPLATE.read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = stacks.describe_stacks(StackName="academy-video")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def client(self, service: str) -> BaseClient:
        return boto3.client(  # type: ignore[no-any-return, call-overload]
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )

    def policy(self, output: str) -> list[dict[str, Any]]:
        iam: Any = self.client("iam")
        arn = self.outputs[output]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        statements: list[dict[str, Any]] = document["Statement"]
        return statements


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Cloud(f"http://{host}:{port}")
    finally:
        server.stop()


def test_the_linter_has_no_finding() -> None:
    done = subprocess.run([str(CFN_LINT), str(TEMPLATE)], check=False, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("", 0)


def test_what_nobody_can_handle_goes_to_the_dlq_and_everything_is_kept_for_a_fortnight(cloud: Cloud) -> None:
    sqs: Any = cloud.client("sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=cloud.outputs["QueueUrl"], AttributeNames=["All"])["Attributes"]
    redrive = json.loads(attributes["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(":academy-video-jobs-dlq")
    assert int(redrive["maxReceiveCount"]) == 10
    assert int(attributes["MessageRetentionPeriod"]) == 14 * 86_400


def test_the_bucket_is_private_and_set_as_provisioning_would() -> None:
    template, _problems = decode(str(TEMPLATE))
    bucket = template["Resources"]["Bucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    (ours,) = cors_rules([PARAMETERS["WebOrigin"]])
    assert rule == {
        "AllowedOrigins": [{"Ref": "WebOrigin"}],
        "AllowedMethods": ours["AllowedMethods"],
        "AllowedHeaders": ours["AllowedHeaders"],
        "ExposedHeaders": ours["ExposeHeaders"],
        "MaxAge": ours["MaxAgeSeconds"],
    }
    (lifecycle,) = bucket["LifecycleConfiguration"]["Rules"]
    assert lifecycle["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": {"Ref": "AbortAfterDays"}}
    assert template["Parameters"]["AbortAfterDays"]["Default"] == 8


def test_the_workers_answer_prometheus_at_the_port_that_is_mapped() -> None:
    template, _problems = decode(str(TEMPLATE))
    (worker,) = template["Resources"]["WorkerTask"]["Properties"]["ContainerDefinitions"]
    given = {variable["Name"]: variable["Value"] for variable in worker["Environment"]}
    assert (given["METRICS_ADDRESS"], [given["METRICS_PORT"]]) == (
        "0.0.0.0",
        [str(mapping["ContainerPort"]) for mapping in worker["PortMappings"]],
    )


@pytest.mark.parametrize("output", ["ApiPolicyArn", "RelayPolicyArn", "WorkerPolicyArn", "ReconcilerPolicyArn"])
def test_a_policy_names_its_actions_and_its_resources(cloud: Cloud, output: str) -> None:
    for statement in cloud.policy(output):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        assert [action for action in actions if "*" in action] == []
        assert [resource for resource in resources if not resource.startswith("arn:aws:s") or resource == "*"] == []


def test_only_the_reconciler_may_delete_from_the_bucket(cloud: Cloud) -> None:
    may_delete = {
        output
        for output in ("ApiPolicyArn", "RelayPolicyArn", "WorkerPolicyArn", "ReconcilerPolicyArn")
        if "s3:DeleteObject" in json.dumps(cloud.policy(output))
    }
    assert may_delete == {"ReconcilerPolicyArn"}


@pytest.mark.django_db(transaction=True)
def test_an_upload_comes_as_far_as_the_queue(
    cloud: Cloud, settings: Settings, rewire: Callable[[], None], tmp_path: Path
) -> None:
    settings.S3_ENDPOINT_URL = settings.S3_PUBLIC_ENDPOINT_URL = cloud.url
    settings.S3_BUCKET = cloud.outputs["BucketName"]
    settings.SQS_ENDPOINT_URL = cloud.url
    settings.SQS_REGION = REGION
    settings.VIDEO_SQS_QUEUE_NAME = "academy-video-jobs"
    rewire()
    clip = make_clip(tmp_path / "lecture.mp4", seconds=1).read_bytes()
    api = Api(Tenant.objects.create(code="demo", name="demo 학원"))

    video_id = api.upload(clip)
    answer = api.complete(video_id)

    assert answer.status_code == 200, answer.content
    received = wiring.job_queue().receive(
        queue_name="academy-video-jobs", max_messages=10, wait_seconds=5, visibility_seconds=5
    )
    assert [TranscodeMessage.parse(message.body).video_id for message in received] == [video_id]
