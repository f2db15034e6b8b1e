"""What a bucket's settings are, as data."""

from typing import Any

from .checksums import ALGORITHMS, checksum_header

_ABORT_RULE_ID = "academy-video-abort-stale-uploads"


def cors_rules(allowed_origins: list[str]) -> list[dict[str, Any]]:
    """Return the rules that let pages of these origins upload and play."""
    return [
        {
            "AllowedOrigins": allowed_origins,
            "AllowedMethods": ["GET", "HEAD", "PUT"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag", "Content-Length", "Content-Range", *map(checksum_header, ALGORITHMS)],
            "MaxAgeSeconds": 3600,
        }
    ]


def lifecycle_rules(existing: list[Any], *, abort_after_days: int) -> list[Any]:
    """
    Return the bucket's lifecycle rules with ours among them.

    Ours is the safety net below the reconciler: it must not come before an upload's own deadline.
    """
    ours = {
        "ID": _ABORT_RULE_ID,
        "Status": "Enabled",
        "Filter": {"Prefix": "tenants/"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": abort_after_days},
    }
    # Setting the configuration replaces all of it: what others have set must stay.
    return [*(rule for rule in existing if rule.get("ID") != _ABORT_RULE_ID), ours]
