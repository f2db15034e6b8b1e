"""To whoever configures an installation: the settings page names every setting, with the default that really holds."""

from pathlib import Path

from apps.api.config.reference import all_settings, reference_page
from apps.api.config.setting_texts import SECTIONS

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/settings.md"


def test_every_setting_that_is_read_is_described_and_no_other() -> None:
    described = [name for texts in SECTIONS.values() for name in texts]
    assert sorted(described) == sorted(all_settings())


def test_defaults_and_requirements_are_those_of_the_reader() -> None:
    settings = all_settings()
    assert settings["VIDEO_PROBE_CONCURRENCY"].default == 2
    assert settings["ACADEMY_SECRET_KEY"].is_required
    assert not settings["S3_ENDPOINT_URL"].is_required


def test_the_page_is_the_one_that_the_code_writes() -> None:
    """`python -m apps.api.config.reference > docs/reference/settings.md` writes it again."""
    assert PAGE.read_text(encoding="utf-8") == reference_page()
