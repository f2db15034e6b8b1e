from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def nobody_elses_objects(s3_engine: None) -> None:
    """Begin with an empty bucket: how long a life takes must not depend on the tests before it."""
    # This file may be loaded before Django is set up.
    from apps.support.video import wiring
    from tests.chaos.lab import empty_bucket

    empty_bucket(wiring.storage())
