"""`manage.py tenant_limits --code demo --stored-bytes 500G`: show or set what one tenant may use."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.forms.models import model_to_dict

from apps.core.models import Tenant, TenantLimits

_AMOUNT = re.compile(r"(?P<number>\d{1,15})(?P<unit>[KMGT]?)", re.IGNORECASE)
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_EVERYONES = "default"


class Command(BaseCommand):
    help = "Show what a tenant may use, or change it. What is 'default' is as the installation allows everyone."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--code", required=True, help="The tenant's code.")
        for name, meaning in (
            ("file-bytes", "largest file"),
            ("stored-bytes", "bytes stored"),
            ("stored-seconds", "seconds of video stored"),
            ("open-uploads", "uploads at a time"),
            ("duration-seconds", "longest video"),
        ):
            parser.add_argument(f"--{name}", type=_amount, help=f"{meaning}: a number, 500G, or 'default'")

    def handle(self, *_args: Any, code: str, **options: Any) -> None:
        """Change what is named, and print all limits as one line of JSON."""
        try:
            tenant = Tenant.objects.get(code=code)
        except Tenant.DoesNotExist as error:
            raise CommandError(f"There is no tenant {code!r}.", returncode=2) from error
        names = [field.name for field in TenantLimits._meta.get_fields() if field.name != "tenant"]
        changes = {name: options[name] for name in names if options[name] is not None}
        limits, _ = TenantLimits.objects.for_tenant(tenant).update_or_create(
            tenant=tenant, defaults={name: None if value == _EVERYONES else value for name, value in changes.items()}
        )
        self.stdout.write(json.dumps({"tenant": code, **model_to_dict(limits, fields=names)}))


def _amount(text: str) -> int | str:
    if text == _EVERYONES:
        return text
    found = _AMOUNT.fullmatch(text)
    if found is None or int(found["number"]) < 1:
        raise argparse.ArgumentTypeError("must be a number above zero, with K, M, G or T behind it, or 'default'")
    return int(found["number"]) * _UNITS[found["unit"].upper()]
