"""To whoever runs the installation: a stranger's server gets one request, and neither our time nor our network."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from libs.outbound.addresses import AddressPolicy, read_networks
from libs.outbound.client import ANSWER_BYTES_KEPT, OutboundClient, SendFailed
from tests.support.receiver import TLS_ALERT, Receiver, Reply, always

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LOOPBACK = AddressPolicy(read_networks(["127.0.0.0/8"]))


class Names:
    """A resolver that answers each question with the next of its answers, and remembers who was asked for."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def client(
    names: Names | None = None, *, policy: AddressPolicy = LOOPBACK, timeout_seconds: float = 5.0
) -> OutboundClient:
    return OutboundClient(policy=policy, allow_http=True, resolve=names, timeout_seconds=timeout_seconds)


def fault_of(caller: OutboundClient, url: str) -> str:
    with pytest.raises(SendFailed) as failed:
        caller.post(url, headers={}, body=b"{}")
    return failed.value.fault


class TestWhere:
    def test_the_address_that_was_checked_is_the_one_that_is_called(self, receiver: Receiver) -> None:
        """To whoever fears DNS rebinding: the name is asked for once, and what it says later does not matter."""
        names = Names(["127.0.0.1"], ["169.254.169.254"])
        url = f"http://hooks.example:{receiver.port}/in"
        assert client(names).post(url, headers={"X-One": "1"}, body=b"{}").status == 200
        (request,) = receiver.received
        assert names.asked == ["hooks.example"]
        assert request.headers["host"] == f"hooks.example:{receiver.port}"
        assert (request.path, request.body, request.headers["x-one"]) == ("/in", b"{}", "1")
        assert fault_of(client(names), url) == "address_refused"
        assert len(receiver.received) == 1

    @pytest.mark.parametrize("addresses", [["10.0.0.8"], ["8.8.8.8", "10.0.0.8"], ["::ffff:192.168.0.1"]])
    def test_one_bad_address_of_a_name_is_enough(self, addresses: list[str]) -> None:
        assert fault_of(client(Names(addresses)), "http://hooks.example/") == "address_refused"

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]"]
    )
    def test_no_spelling_of_this_machine_is_called(self, receiver: Receiver, host: str) -> None:
        strict = client(policy=AddressPolicy())
        assert fault_of(strict, f"http://{host}:{receiver.port}/") in {"address_refused", "name_not_resolved"}
        assert receiver.received == []

    def test_a_refusal_does_not_say_which_address_it_was(self) -> None:
        with pytest.raises(SendFailed) as failed:
            client(Names(["10.9.8.7"])).post("http://hooks.example/", headers={}, body=b"")
        assert "10.9" not in str(failed.value)

    def test_the_second_address_is_called_when_the_first_does_not_listen(self, receiver: Receiver) -> None:
        names = Names(["127.0.0.2", "127.0.0.1"])
        url = f"http://hooks.example:{receiver.port}/"
        assert client(names).post(url, headers={}, body=b"").status == 200

    def test_what_does_not_listen_or_has_no_address_is_said(self) -> None:
        assert fault_of(client(Names(["127.0.0.1"])), "http://hooks.example:1/") == "connect_failed"
        assert fault_of(client(Names([])), "http://hooks.example/") == "name_not_resolved"

    def test_urls_are_checked_before_anybody_is_asked(self) -> None:
        strict = OutboundClient(policy=AddressPolicy(), allow_http=False, resolve=Names())
        for url, fault in (("http://a.example/", "url_refused"), ("https://10.0.0.1/", "address_refused")):
            with pytest.raises(SendFailed) as failed:
                strict.check(url)
            assert failed.value.fault == fault
        strict.check("https://a.example/")


class TestAnswers:
    def test_a_redirect_is_an_answer_and_is_not_followed(self, receiver: Receiver) -> None:
        receiver.answer = always(307, headers={"Location": receiver.url})
        assert client().post(receiver.url, headers={}, body=b"").status == 307
        assert len(receiver.received) == 1

    def test_a_long_answer_is_cut_and_what_no_text_is_made_one(self, receiver: Receiver) -> None:
        receiver.answer = always(500, body=b"\x00\xff" * 100_000, headers={"Retry-After": "120"})
        answer = client().post(receiver.url, headers={}, body=b"")
        assert len(answer.body) == ANSWER_BYTES_KEPT
        assert set(answer.body) == {"�"}
        assert answer.retry_after_seconds == 120

    @pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Long: "])
    def test_silence_and_dripping_end_when_the_time_is_up(self, receiver: Receiver, head: bytes) -> None:
        """A byte now and then would keep any time-out of the socket from coming."""
        released = Event()

        def drip() -> Iterator[bytes]:
            yield head
            while not released.wait(0.05):
                yield b"x" if head else b""

        receiver.answer = lambda _: Reply(raw=drip())
        started = time.monotonic()
        assert fault_of(client(timeout_seconds=0.4), receiver.url) == "timed_out"
        assert time.monotonic() - started < 2
        released.set()

    def test_a_status_is_enough_when_the_body_never_ends(self, receiver: Receiver) -> None:
        released = Event()

        def drip() -> Iterator[bytes]:
            yield b"HTTP/1.1 200 OK\r\n\r\n"
            while not released.wait(0.05):
                yield b"x"

        receiver.answer = lambda _: Reply(raw=drip())
        started = time.monotonic()
        assert client(timeout_seconds=0.4).post(receiver.url, headers={}, body=b"").status == 200
        assert time.monotonic() - started < 2
        released.set()

    @pytest.mark.parametrize(
        ("raw", "body"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "ok"),
            (CHUNKED + b"2\r\nok\r\n", "ok"),
            (CHUNKED + b"no length\r\n", ""),
        ],
    )
    def test_a_status_is_enough_when_the_body_breaks_off(self, receiver: Receiver, raw: bytes, body: str) -> None:
        receiver.answer = lambda _: Reply(raw=iter([raw]))
        answer = client().post(receiver.url, headers={}, body=b"")
        assert (answer.status, answer.body) == (200, body)

    @pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.6\r\n", TLS_ALERT, TLS_ALERT * 5000])
    def test_what_is_not_http_is_said_in_words_that_can_be_kept(self, receiver: Receiver, raw: bytes) -> None:
        receiver.answer = lambda _: Reply(raw=iter([raw]))
        with pytest.raises(SendFailed) as failed:
            client().post(receiver.url, headers={}, body=b"")
        assert failed.value.fault == "answer_broken"
        assert 0 < len(failed.value.detail) <= ANSWER_BYTES_KEPT
        assert "\x00" not in failed.value.detail


class TestTls:
    def test_the_certificate_is_the_names_although_the_address_is_called(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate = make_certificate(tmp_path, name="hooks.example")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate)
        asked: list[str | None] = []
        server.sni_callback = lambda _socket, name, _context: asked.append(name)
        with Receiver(tls=server) as secured:
            url = f"https://hooks.example:{secured.port}/"
            assert fault_of(client(Names(["127.0.0.1"])), url) == "tls_failed"
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            assert client(Names(["127.0.0.1"])).post(url, headers={}, body=b"").status == 200
            other = f"https://other.example:{secured.port}/"
            assert fault_of(client(Names(["127.0.0.1"])), other) == "tls_failed"
            assert len(secured.received) == 1
        assert asked == ["hooks.example", "hooks.example", "other.example"]


def make_certificate(folder: Path, *, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
