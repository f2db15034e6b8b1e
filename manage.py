#!/usr/bin/env python
"""Runs this installation's commands. A bad configuration ends with status 78 and the list of its problems."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from apps.api.config.env import EnvironmentInvalid, exit_with_problems


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.api.config.settings.base")
    try:
        execute_from_command_line(sys.argv)
    except EnvironmentInvalid as error:
        exit_with_problems(error)


if __name__ == "__main__":
    main()
