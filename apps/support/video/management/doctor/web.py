"""The address that people type, and the playback token on its way through whatever stands before it."""

import time

from django.conf import settings

from ...domain.playback_token import PlaybackClaims, read_token, sign_token
from .http import NoReply, request
from .outcome import Outcomes, Patient

patient = Patient(subject="web")


def examine_web() -> Outcomes:
    """Call the public address as a browser and as a player do."""
    origin = settings.ACADEMY_PUBLIC_ORIGIN
    try:
        health = request("GET", f"{origin}/healthz")
        yield patient.judge(
            "public address",
            health.is_success,
            f"{origin}/healthz was answered with {health.status}",
            fix="Start the api, and let ACADEMY_PUBLIC_ORIGIN name the address where people reach it.",
        )
        yield from _playback(origin)
    except NoReply as error:
        yield patient.warning(
            "public address",
            f"{origin} did not answer from here: {error}",
            fix="If the api runs, check ACADEMY_PUBLIC_ORIGIN and what stands before it.",
        )


def _playback(origin: str) -> Outcomes:
    claims = PlaybackClaims(
        tenant_id=0, video_id=0, viewer="doctor", prefix="doctor/", expires_at=round(time.time()) + 60
    )
    genuine = sign_token(claims, secret=settings.VIDEO_PLAYBACK_SECRET)
    read_token(genuine, secret=settings.VIDEO_PLAYBACK_SECRET, now_seconds=time.time())
    forged = sign_token(claims, secret="x" * 32)
    # There is no such video: a genuine token gets past the check and finds nothing, a forged one does not get past.
    past = request("GET", f"{origin}/playback/{genuine}/master.m3u8").status
    stopped = request("GET", f"{origin}/playback/{forged}/master.m3u8").status
    yield patient.judge(
        "playback token",
        past == 404 and stopped in {401, 403},
        f"a genuine token was answered with {past}, a forged one with {stopped}",
        fix="Every api process and the edge need the same VIDEO_PLAYBACK_SECRET, and /playback/ must reach them.",
    )
