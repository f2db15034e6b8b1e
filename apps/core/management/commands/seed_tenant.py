"""`manage.py seed_tenant`: the first tenant of an installation. Secrets come by the environment, never by arguments."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.api_keys import ApiKeyInvalid
from apps.core.seeding import SeedKeyTaken, seed_tenant

PASSWORD_VARIABLE = "ACADEMY_SEED_PASSWORD"  # noqa: S105 - the name of a variable
KEY_VARIABLE = "ACADEMY_SEED_API_KEY"
EXIT_CONFIGURATION = 78


class Command(BaseCommand):
    help = (
        "Make a tenant with an owner and an API key; running it again changes nothing. "
        f"The password comes from {PASSWORD_VARIABLE}, the key from {KEY_VARIABLE}."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--code", required=True, help="short name of the tenant, like demo")
        parser.add_argument("--name", required=True, help="what people call it")
        parser.add_argument("--username", required=True, help="the owner's sign-in name")
        parser.add_argument("--operator", action="store_true", help="the owner runs the installation too")

    def handle(self, *_args: Any, **options: Any) -> None:
        missing = [name for name in (PASSWORD_VARIABLE, KEY_VARIABLE) if not os.environ.get(name)]
        if missing:
            raise CommandError(f"Set {' and '.join(missing)}.", returncode=EXIT_CONFIGURATION)
        try:
            report = seed_tenant(
                code=options["code"],
                name=options["name"],
                username=options["username"],
                password=os.environ[PASSWORD_VARIABLE],
                api_key=os.environ[KEY_VARIABLE],
                is_operator=options["operator"],
            )
        except ApiKeyInvalid as error:
            raise CommandError(
                f"{KEY_VARIABLE} is not a key: avk_<8 of a-z0-9>_<43 of A-Za-z0-9_->.", returncode=EXIT_CONFIGURATION
            ) from error
        except SeedKeyTaken as error:
            raise CommandError(f"{KEY_VARIABLE}: {SeedKeyTaken.__doc__}", returncode=EXIT_CONFIGURATION) from error
        self.stdout.write(json.dumps(asdict(report), ensure_ascii=False))
