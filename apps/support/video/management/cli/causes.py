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
# Refusals of a call are answered by that call: there is no video yet, or nothing has become of it.
PAGE_TAIL = """
## Codes that are no causes

What other catalogues list and `why` never answers, and where it is said instead.

| code | said by | because |
|---|---|---|
| `UPLOAD_NOT_FOUND` | `UPLOAD_WAITING`, `UPLOAD_ABANDONED`; to `upload/complete/`, `source_not_found_or_empty` \
| whether it can still come depends on the deadline |
| `UPLOAD_QUOTA_EXCEEDED` | `quota_exceeded`, to `upload/init/` | a refused upload has no video to ask about |
| `INPUT_TOO_LARGE` | `size_not_allowed`, to `upload/init/` | the signed URL takes exactly the size that was announced |
| `TENANT_RATE_LIMITED` | the call that is refused; of encoding, `QUEUE_TENANT_CAPPED` \
| a refused call changes no video |
| `TENANT_SUSPENDED` | `permission_denied`, `invalid_api_key` | nobody of a closed tenant can ask; its line goes on |
| `PUBLISH_FENCED` | `lease_lost` in the worker's `attempt_finished` line \
| the video is where the newer attempt has brought it |
| `PLAYBACK_TOKEN_EXPIRED` | `playback_token_invalid`, to the player, which gets a new one \
| the viewer's right has ended, the video is whole |
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
    return PAGE_HEAD + "\n".join(_section(cause) for cause in Cause) + PAGE_TAIL


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
