"""Promises of the command line client: over a real server, real storage, and a line that is bad on purpose."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from academy_video import Api, upload_file
from academy_video.cli import ExitCode, main
from academy_video.errors import Busy, FileChanged, Refused, Unavailable
from academy_video.progress import Silent
from academy_video.resume import resume_file
from academy_video.source import Source
from pytest_django import Settings

from apps.core.api_keys import issue_api_key
from apps.core.models import SCOPE_VIDEOS_READ, Tenant, TenantLimits
from apps.support.video import wiring
from apps.support.video.models import Video, VideoUpload
from tests.support.parts import MIB, PART_BYTES, crc, crc32, large_clip
from tests.support.server import ApiServer
from tests.support.video_files import clip, subtitles_only
from tests.support.waiting import wait_until
from tests.support.wire import Put, Wire

pytestmark = pytest.mark.django_db(transaction=True)

SIZE_BYTES = 34 * MIB
PARTS = 5
ADDRESS = ["upload", "--url", "nonsense", "a.mp4"]
CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python" / "src"


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


@pytest.fixture
def key(tenant: Tenant) -> str:
    return issue_api_key(tenant=tenant, name="client").plaintext


@pytest.fixture
def server(settings: Settings, s3_engine: None) -> Iterator[ApiServer]:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    with ApiServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _environment(
    server: ApiServer, key: str, sqs_engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACADEMY_VIDEO_URL", server.url)
    monkeypatch.setenv("ACADEMY_VIDEO_KEY", key)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def wire(s3_engine: None, settings: Settings) -> Iterator[Wire]:
    """Let everything that is sent to storage pass a line that tests can damage."""

    def forget() -> None:
        wiring.storage.cache_clear()

    with Wire(target=str(settings.S3_ENDPOINT_URL)) as line:
        settings.S3_PUBLIC_ENDPOINT_URL = line.url
        forget()
        yield line
    forget()


@pytest.fixture
def api(server: ApiServer, key: str) -> Iterator[Api]:
    with Api(server.url, key=key, tries=4) as client:
        yield client


@pytest.fixture
def lecture(tmp_path: Path) -> Path:
    path = tmp_path / "1강 오리엔테이션.mp4"
    path.write_bytes(large_clip(SIZE_BYTES))
    return path


def small(tmp_path: Path, content: bytes | None = None, name: str = "short.mp4") -> Path:
    path = tmp_path / name
    path.write_bytes(clip() if content is None else content)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    """Run the command line with --json; return its exit code and what it printed."""
    code = main(["upload", "--json", "--tries", "4", *map(str, arguments)])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"file"')]


def only_upload() -> VideoUpload:
    return VideoUpload.objects.across_tenants().select_related("video").get()


class TestUpload:
    def test_a_large_file_arrives_in_parts_and_none_twice(
        self, wire: Wire, lecture: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, (row,) = run(capsys, lecture, "--session", "봄 학기")
        assert (code, row["status"], row["resumed"]) == (ExitCode.UPLOADED, "UPLOADED", False)
        assert (row["sent_bytes"], wire.put_bytes) == (SIZE_BYTES, SIZE_BYTES)
        assert sorted(put.part_number for put in wire.puts) == list(range(1, PARTS + 1))
        upload = only_upload()
        head = wiring.storage().head(upload.file_key)
        assert head.checksums["CRC64NVME"] == upload.checksum_value == crc(lecture.read_bytes())
        assert (upload.video.title, upload.video.session) == ("1강 오리엔테이션", "봄 학기")

    def test_small_files_go_with_one_put_each(
        self, wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, rows = run(capsys, small(tmp_path), small(tmp_path, name="other.mp4"))
        assert (code, [row["status"] for row in rows]) == (0, ["UPLOADED", "UPLOADED"])
        assert [put.part_number for put in wire.puts] == [0, 0]

    def test_the_same_command_again_sends_nothing(self, wire: Wire, lecture: Path, api: Api) -> None:
        """To whoever uploads a folder: it can be run again until all is there, and makes no doubles."""
        first = upload_file(api, lecture)
        again = upload_file(api, lecture)
        assert (again.video_id, again.status, again.sent_bytes) == (first.video_id, "UPLOADED", 0)
        assert len(wire.puts) == PARTS

    def test_a_file_whose_video_was_deleted_or_failed_is_uploaded_again(
        self, wire: Wire, tmp_path: Path, api: Api
    ) -> None:
        path = small(tmp_path)
        first = upload_file(api, path)
        api.delete(first.video_id)
        second = upload_file(api, path)
        Video.objects.across_tenants().filter(pk=second.video_id).update(status="FAILED")
        third = upload_file(api, path)
        assert len({first.video_id, second.video_id, third.video_id}) == 3

    def test_asked_to_it_uploads_the_same_file_again(self, wire: Wire, tmp_path: Path, api: Api) -> None:
        path = small(tmp_path)
        assert upload_file(api, path).video_id != upload_file(api, path, resume=False).video_id


class TestBadLine:
    def fate(self, wire: Wire, decide: Callable[[Put], str]) -> None:
        wire.rule = decide

    def test_bytes_that_were_damaged_on_the_way_are_sent_again(self, wire: Wire, lecture: Path, api: Api) -> None:
        """To the uploader: what storage has is their file, whatever the network did."""
        self.fate(wire, lambda put: "damage" if (put.part_number, put.try_number) == (3, 1) else "pass")
        outcome = upload_file(api, lecture)
        assert [put.try_number for put in wire.puts if put.part_number == 3] == [1, 2]
        assert outcome.sent_bytes == SIZE_BYTES + PART_BYTES
        assert wiring.storage().head(only_upload().file_key).checksums["CRC64NVME"] == crc(lecture.read_bytes())

    def test_where_storage_knows_only_crc32_they_are_noticed_too(
        self, wire: Wire, lecture: Path, api: Api, settings: Settings
    ) -> None:
        settings.S3_CHECKSUM_ALGORITHM = "CRC32"
        wiring.storage.cache_clear()
        self.fate(wire, lambda put: "damage" if (put.part_number, put.try_number) == (3, 1) else "pass")
        assert upload_file(api, lecture).sent_bytes == SIZE_BYTES + PART_BYTES
        assert wiring.storage().head(only_upload().file_key).checksums == {"CRC32": crc32(lecture.read_bytes())}

    def test_a_small_file_that_was_damaged_is_sent_again(self, wire: Wire, tmp_path: Path, api: Api) -> None:
        self.fate(wire, lambda put: "damage" if put.try_number == 1 else "pass")
        upload_file(api, small(tmp_path))
        assert len(wire.puts) == 2
        assert wiring.storage().head(only_upload().file_key).checksums["CRC64NVME"] == crc(clip())

    @pytest.mark.parametrize("fate", ["cut", "503", "429", "403"])
    def test_what_fails_once_is_tried_again(self, wire: Wire, lecture: Path, api: Api, fate: str) -> None:
        self.fate(wire, lambda put: fate if (put.part_number, put.try_number) == (2, 1) else "pass")
        assert upload_file(api, lecture).status == "UPLOADED"
        assert sum(put.part_number == 2 for put in wire.puts) == 2

    def test_a_line_that_stays_dead_ends_it_and_the_next_run_goes_on(
        self, wire: Wire, lecture: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.fate(wire, lambda put: "503" if put.part_number == 3 else "pass")
        code, (row,) = run(capsys, lecture, "--parallel", "1")
        assert (code, row["error"]["code"]) == (ExitCode.UNAVAILABLE, "unavailable")
        assert "again" in row["error"]["hint"]
        self.fate(wire, lambda put: "pass")
        wire.puts.clear()
        code, (row,) = run(capsys, lecture)
        assert (code, row["resumed"], row["status"]) == (0, True, "UPLOADED")
        assert sorted(put.part_number for put in wire.puts) == [3, 4, 5]
        assert Video.objects.across_tenants().count() == 1

    def test_parts_that_storage_threw_away_are_sent_again_as_another_upload(
        self, wire: Wire, lecture: Path, api: Api, tmp_path: Path
    ) -> None:
        self.fate(wire, lambda put: "503" if put.part_number == PARTS else "pass")
        with pytest.raises(Unavailable):
            upload_file(api, lecture, folder=tmp_path / "state")
        upload = only_upload()
        wiring.storage().abort_multipart(upload.file_key, upload_id=upload.multipart_upload_id)
        self.fate(wire, lambda put: "pass")
        outcome = upload_file(api, lecture, folder=tmp_path / "state")
        assert (outcome.status, outcome.sent_bytes) == ("UPLOADED", SIZE_BYTES)
        assert outcome.video_id != upload.video_id


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """A shell that runs the tests in its background has them, and what they start, ignore Ctrl-C: not here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class TestInterrupted:
    def start(self, lecture: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "academy_video", "upload", "--json", "--parallel", "2", str(lecture)],
            env={**os.environ, "PYTHONPATH": str(CLIENT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @pytest.mark.parametrize(
        ("number", "status"),
        [(signal.SIGKILL, -9), (signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.INTERRUPTED)],
    )
    @pytest.mark.usefixtures("heeds_ctrl_c")
    def test_the_next_run_sends_at_most_one_part_for_each_lane_again(
        self, wire: Wire, lecture: Path, capsys: pytest.CaptureFixture[str], number: int, status: int
    ) -> None:
        """To the uploader: a closed laptop costs seconds, not gigabytes."""
        wire.rule = lambda put: "503" if put.part_number > 2 else "pass"
        process = self.start(lecture)
        try:
            wait_until(lambda: any(put.part_number > 2 for put in wire.puts), timeout_seconds=30)
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
        assert process.returncode == status, err
        wire.rule = lambda put: "pass"
        code, (row,) = run(capsys, lecture)
        assert (code, row["status"], row["resumed"]) == (0, "UPLOADED", True)
        passed = [put.part_number for put in wire.puts]
        assert sum(passed.count(part) > 1 for part in (1, 2)) <= 2
        assert Video.objects.across_tenants().count() == 1

    def test_two_processes_do_not_send_the_same_file(self, lecture: Path, api: Api, tmp_path: Path) -> None:
        source = Source(lecture)
        with (
            resume_file(source.fingerprint, base_url=api.base_url, folder=tmp_path / "state"),
            pytest.raises(Busy, match="another process"),
        ):
            upload_file(api, lecture, folder=tmp_path / "state")
        source.close()

    def test_beginning_anew_throws_the_unfinished_one_away(self, wire: Wire, lecture: Path, api: Api) -> None:
        wire.rule = lambda put: "503" if put.part_number == PARTS else "pass"
        with pytest.raises(Unavailable):
            upload_file(api, lecture)
        wire.rule = lambda put: "pass"
        outcome = upload_file(api, lecture, resume=False)
        live = Video.objects.across_tenants().filter(deleted_at=None)
        assert list(live.values_list("pk", flat=True)) == [outcome.video_id]


class TestRefusals:
    def test_a_file_that_is_no_video_is_refused_with_words(
        self, wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        good, bad = small(tmp_path), small(tmp_path, subtitles_only(), name="sound.mp4")
        code, rows = run(capsys, bad, good)
        assert code == ExitCode.REFUSED
        assert rows[0]["error"]["code"] == "unsupported_media"
        assert rows[0]["error"]["hint"]
        assert rows[1]["status"] == "UPLOADED"

    @pytest.mark.parametrize(("spoken", "word"), [("ko_KR.UTF-8", "재생"), ("en_US.UTF-8", "played"), ("", "played")])
    def test_it_says_so_in_the_persons_language(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        spoken: str,
        word: str,
    ) -> None:
        monkeypatch.delenv("LC_ALL", raising=False)
        monkeypatch.delenv("LC_MESSAGES", raising=False)
        monkeypatch.setenv("LANG", spoken)
        code, rows = run(capsys, small(tmp_path, subtitles_only()))
        assert code == ExitCode.REFUSED
        assert word in rows[0]["error"]["detail"]

    @pytest.mark.parametrize("key", ["", "avk_unknown0_" + "x" * 43, "한글"])
    def test_without_a_good_key_nothing_is_tried(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, key: str
    ) -> None:
        monkeypatch.setenv("ACADEMY_VIDEO_KEY", key)
        assert main(["upload", str(small(tmp_path)), str(small(tmp_path, name="b.mp4"))]) == ExitCode.NOT_PERMITTED
        assert capsys.readouterr().out == ""

    def test_a_key_that_may_only_read_is_told_so(
        self, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reader = issue_api_key(tenant=tenant, name="reader", scopes=[SCOPE_VIDEOS_READ]).plaintext
        monkeypatch.setenv("ACADEMY_VIDEO_KEY", reader)
        assert main(["upload", str(small(tmp_path))]) == ExitCode.NOT_PERMITTED
        assert main(["quota"]) == ExitCode.UPLOADED

    def test_over_the_quota_it_says_what_would_help(
        self, tenant: Tenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        TenantLimits.objects.create(tenant=tenant, stored_bytes=10)
        code, (row,) = run(capsys, small(tmp_path))
        assert (code, row["error"]["code"]) == (ExitCode.REFUSED, "quota_exceeded")
        assert row["error"]["hint"]

    def test_a_server_that_is_not_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ACADEMY_VIDEO_URL", "http://127.0.0.1:1")
        assert main(["upload", "--tries", "2", str(small(tmp_path))]) == ExitCode.UNAVAILABLE

    @pytest.mark.parametrize("content", [None, b""])
    def test_a_file_that_is_not_there_or_empty(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
    ) -> None:
        path = tmp_path / "none.mp4"
        if content is not None:
            path.write_bytes(content)
        code, (row,) = run(capsys, path)
        assert (code, row["error"]["code"]) == (ExitCode.REFUSED, "fileunreadable")

    def test_a_file_that_changes_while_it_is_sent_is_not_completed(self, wire: Wire, lecture: Path, api: Api) -> None:
        def grow(put: Put) -> str:
            if put.part_number == 2:
                with lecture.open("ab") as file:
                    file.write(b"more")
            return "pass"

        wire.rule = grow
        with pytest.raises(FileChanged):
            upload_file(api, lecture)
        assert only_upload().state == "PENDING"

    def test_a_usage_error_is_status_2(self) -> None:
        for arguments in ([], ["upload"], ["upload", "--parallel", "0", "a.mp4"], ["nonsense"], ADDRESS):
            with pytest.raises(SystemExit) as ended:
                main(arguments)
            assert ended.value.code == ExitCode.USAGE


class TestTelling:
    def test_progress_ends_at_the_files_size_whatever_happened(self, wire: Wire, lecture: Path, api: Api) -> None:
        class Counter(Silent):
            def __init__(self) -> None:
                self.total = self.done = 0

            def begin(self, *, total_bytes: int, done_bytes: int) -> None:
                self.total, self.done = total_bytes, done_bytes

            def add(self, count: int) -> None:
                self.done += count

        counter = Counter()
        wire.rule = lambda put: "damage" if (put.part_number, put.try_number) == (4, 1) else "pass"
        upload_file(api, lecture, progress=counter, lanes=1)
        assert (counter.done, counter.total) == (SIZE_BYTES, SIZE_BYTES)

    def test_status_and_quota_are_json(self, wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        _, (row,) = run(capsys, small(tmp_path))
        assert main(["status", str(row["video_id"])]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if '"timestamp"' not in line]
        assert json.loads(lines[-1])["id"] == row["video_id"]
        assert main(["quota"]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if '"timestamp"' not in line]
        assert json.loads(lines[-1])["stored_bytes"]["used"] == len(clip())
        assert main(["status", "999999"]) == ExitCode.REFUSED

    def test_a_refusal_carries_the_servers_words(self, api: Api) -> None:
        with pytest.raises(Refused) as refusal:
            api.video(999_999)
        assert (refusal.value.code, refusal.value.status_code) == ("not_found", 404)
        assert refusal.value.hint
