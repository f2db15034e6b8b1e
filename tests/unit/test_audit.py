"""Promises to whoever reads CI: a known vulnerability is named and fails, and no network is said and does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from requirements import audit
from tests.support.ports import free_port_plan


@contextmanager
def database(vulnerable: str, *, body: bytes | None = None) -> Iterator[str]:
    """Serve as the vulnerability database does; `vulnerable` is the one package that it knows something of."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            known = [{"vulns": [{"id": "OSV-1"}]} if q["package"]["name"] == vulnerable else {} for q in asked]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body or json.dumps({"results": known}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("package", ["django", "psycopg", "hls.js", "@mantine/core"])
def test_a_known_vulnerability_is_named_and_fails(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    with database(package) as url:
        assert audit.main(url) == 1
    assert f"{package} " in capsys.readouterr().out


def test_one_that_we_have_accepted_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "ACCEPTED", {"OSV-1": "not used in that way"})
    with database("django") as url:
        assert audit.main(url) == 0


def test_nothing_known_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    with database("nothing of ours") as url:
        assert audit.main(url) == 0
    assert "0 with known vulnerabilities" in capsys.readouterr().out


def test_without_a_network_it_says_that_it_could_not_look(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = f"http://127.0.0.1:{free_port_plan().web}/"
    assert audit.main(nobody) == 0
    for body in (b"<html>a proxy's page</html>", b'{"results": [{}]}'):
        with database("", body=body) as url:
            assert audit.main(url) == 0
    assert capsys.readouterr().out.count("Could not look") == 3
