"""`manage.py tenant_encoding --code demo --highest 720 --loudness even`: show or set how one tenant is encoded."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.forms.models import model_to_dict

from apps.core.models import Tenant, TenantEncoding

_EVERYONES = "default"
_RUNGS = ("240", "360", "480", "720", "1080")
_QUALITIES = tuple(str(quality) for quality in range(18, 33))
_PRESETS = ("superfast", "veryfast", "faster", "fast", "medium")
_LOUDNESS = {"even": True, "kept": False}


class Command(BaseCommand):
    help = "Show how a tenant's videos are encoded, or change it. What is 'default' is as everyone's are."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--code", required=True, help="The tenant's code.")
        parser.add_argument("--highest", choices=(*_RUNGS, _EVERYONES), help="the highest rung, by its short side")
        parser.add_argument("--quality", choices=(*_QUALITIES, _EVERYONES), help="CRF, lower is better")
        parser.add_argument("--preset", choices=(*_PRESETS, _EVERYONES), help="slower is smaller")
        parser.add_argument("--loudness", choices=(*_LOUDNESS, _EVERYONES), help="'even' brings it to -16 LUFS")

    def handle(self, *_args: Any, code: str, **options: Any) -> None:
        """Change what is named, and print everything as one line of JSON."""
        try:
            tenant = Tenant.objects.get(code=code)
        except Tenant.DoesNotExist as error:
            raise CommandError(f"There is no tenant {code!r}.", returncode=2) from error
        named = {
            "highest_short_side": _number(options["highest"]),
            "quality": _number(options["quality"]),
            "preset": options["preset"],
            "evens_loudness": _LOUDNESS.get(options["loudness"], options["loudness"]),
        }
        changes = {name: None if value == _EVERYONES else value for name, value in named.items() if value is not None}
        encoding, _ = TenantEncoding.objects.for_tenant(tenant).update_or_create(tenant=tenant, defaults=changes)
        self.stdout.write(json.dumps({"tenant": code, **model_to_dict(encoding, fields=list(named))}))


def _number(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdigit() else text
