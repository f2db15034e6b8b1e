"""What becomes of a message that the queue gave up on."""

from enum import StrEnum


class LetterState(StrEnum):
    """Why a dead letter is still here, or what became of it."""

    OPEN = "open"  # V08 settles it against the job's row
    JOB_SETTLED = "job_settled"  # its job has its outcome: there was nothing left to do
    JOB_ALIVE = "job_alive"  # its job waits or runs; the table has woken it up again
    UNREADABLE = "unreadable"  # a person looks
    UNKNOWN_VERSION = "unknown_version"  # a person looks: a later release may know it
    UNKNOWN_JOB = "unknown_job"  # a person looks: a restored database may have lost the job
    REDRIVEN = "redriven"  # a person sent it again


KEPT = frozenset({LetterState.UNREADABLE, LetterState.UNKNOWN_VERSION, LetterState.UNKNOWN_JOB})
"""Kept until a person sends it again or purges it."""
