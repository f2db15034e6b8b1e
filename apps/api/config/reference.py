"""
The settings' reference page: `python -m apps.api.config.reference > docs/reference/settings.md`.

Names, kinds and defaults are those that `ask_for_settings` asks for; only the sentences are written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from apps.api.config.env import ask_for_settings
from apps.api.config.env_reader import EnvReader
from apps.api.config.setting_texts import SECTIONS

HEADER = """# Settings

Every process reads these from its environment, once. Missing and wrong ones are reported together, and the process
ends with status 78. Standalone mode (`make run`) sets all of them by itself.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is asked of one variable."""

    name: str
    kind: str
    default: object = None
    is_required: bool = False


class _Recorder(EnvReader):
    """Remembers what was asked for. The outermost question about a name counts: `secret` asks for `text` itself."""

    def __init__(self) -> None:
        super().__init__({})
        self.settings: dict[str, Setting] = {}

    def _note(self, name: str, kind: str, default: object = None, *, is_required: bool = False) -> None:
        self.settings.setdefault(name, Setting(name=name, kind=kind, default=default, is_required=is_required))

    def optional(self, name: str) -> str | None:
        self._note(name, "text")
        return super().optional(name)

    def text(self, name: str, *, default: str | None = None) -> str:
        self._note(name, "text", default, is_required=default is None)
        return super().text(name, default=default)

    def secret(self, name: str, *, min_length: int) -> str:
        self._note(name, f"secret, {min_length} characters or more", is_required=True)
        return super().secret(name, min_length=min_length)

    def names(self, name: str, *, default: str) -> list[str]:
        self._note(name, "list, with commas", default)
        return super().names(name, default=default)

    def choice(self, name: str, *, default: str, choices: Sequence[str]) -> str:
        self._note(name, " / ".join(choices), default)
        return super().choice(name, default=default, choices=choices)

    def integer(self, name: str, *, default: int) -> int:
        self._note(name, "whole number", default)
        return super().integer(name, default=default)

    def optional_integer(self, name: str) -> int | None:
        self._note(name, "whole number")
        return super().optional_integer(name)

    def number(self, name: str, *, default: float) -> float:
        self._note(name, "number", default)
        return super().number(name, default=default)

    def url(self, name: str, *, schemes: Sequence[str] = ("http", "https")) -> str:
        self._note(name, f"URL, {schemes[0]}://", is_required=True)
        return super().url(name, schemes=schemes)

    def optional_url(self, name: str) -> str | None:
        self._note(name, "URL")
        return super().optional_url(name)

    def origin(self, name: str) -> str:
        self._note(name, "origin, like https://video.example.com", is_required=True)
        return super().origin(name)


def all_settings() -> dict[str, Setting]:
    """Return every setting that is read, by name."""
    recorder = _Recorder()
    ask_for_settings(recorder)
    return recorder.settings


def reference_page() -> str:
    """Return the page in Markdown."""
    settings = all_settings()
    sections = [_section(title, texts, settings) for title, texts in SECTIONS.items()]
    return "\n".join([HEADER, *sections])


def _section(title: str, texts: dict[str, str], settings: dict[str, Setting]) -> str:
    rows = [
        f"| `{name}` | {settings[name].kind} | {_default(settings[name])} | {sentence} |"
        for name, sentence in texts.items()
    ]
    return "\n".join([f"## {title}", "", "| name | kind | default | |", "|---|---|---|---|", *rows, ""])


def _default(setting: Setting) -> str:
    if setting.is_required:
        return "**required**"
    if setting.default in (None, ""):
        return "–"
    return f"`{setting.default:g}`" if isinstance(setting.default, float) else f"`{setting.default}`"


if __name__ == "__main__":
    sys.stdout.write(reference_page())
