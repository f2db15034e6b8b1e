"""To whoever types localhost where the address says 127.0.0.1: uploads work from there too."""

import pytest

from apps.support.video.management.commands.provision_video import web_origins


@pytest.mark.parametrize(
    ("public_origin", "origins"),
    [
        ("http://127.0.0.1:8000", ["http://127.0.0.1:8000", "http://localhost:8000"]),
        ("http://localhost:8000", ["http://localhost:8000", "http://127.0.0.1:8000"]),
        ("https://video.example.com", ["https://video.example.com"]),
    ],
)
def test_both_names_of_this_machine_may_upload(public_origin: str, origins: list[str]) -> None:
    assert web_origins(public_origin) == origins
