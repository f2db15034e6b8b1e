"""The catalogue of causes, as a table or as the page `docs/reference/causes.md`."""

import sys
from argparse import Namespace

from ...domain.cause_texts import CAUSE_TEXTS, OPERATOR_TEXTS
from ...domain.causes import CAUSES, Cause
from .output import Answer, ExitCode

PAGE_HEAD = """# Causes

What `GET {id}/why/` and `manage.py video why ID` may answer. A code is stable and never reused.
This page is printed by `manage.py video causes --markdown`; a test holds that it equals the code.

Severity is the usual one; a cause that has ended a job for good reads `failed`. "Acts" is who has to do something.

"""


def causes(options: Namespace) -> Answer:
    """List every cause; with --markdown print the reference page."""
    if options.markdown:
        sys.stdout.write(reference_page())
        sys.exit(ExitCode.HEALTHY)
    return Answer(
        rows=[
            {"cause_code": cause, "severity": entry.verdict, "fault": entry.fault, "acts": entry.acts}
            for cause, entry in CAUSES.items()
        ]
    )


def reference_page() -> str:
    """Return the reference page as Markdown."""
    return PAGE_HEAD + "\n".join(_section(cause) for cause in Cause)


def _section(cause: Cause) -> str:
    entry = CAUSES[cause]
    korean, english = CAUSE_TEXTS[cause]["ko"], CAUSE_TEXTS[cause]["en"]
    return (
        f"## {cause}\n\n"
        f"Severity `{entry.verdict}`, fault `{entry.fault}`, acts `{entry.acts}`.\n\n"
        f"- Uploader (ko): {korean.detail} {korean.hint}\n"
        f"- Uploader (en): {english.detail} {english.hint}\n"
        f"- Operator (ko): {OPERATOR_TEXTS[cause]['ko']}\n"
        f"- Operator (en): {OPERATOR_TEXTS[cause]['en']}\n"
    )
