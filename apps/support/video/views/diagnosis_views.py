"""`GET {id}/why/`"""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.language import language_of
from apps.core.permissions import CanReadVideos, current_principal

from .. import wiring
from ..domain.cause_texts import CAUSE_TEXTS, NEXT_STEP_TEXTS, OPERATOR_TEXTS
from ..models import Video
from ..selectors.diagnosis import Evidence, Explanation, explain_video
from ..selectors.videos import get_video
from ..serializers import WhySerializer, shown_actions


class WhyView(APIView):
    """Why a video is where it is, in one call."""

    permission_classes = (CanReadVideos,)

    @extend_schema(responses=WhySerializer)
    def get(self, request: Request, pk: int) -> Response:
        """
        Say where a video is, who holds it, what happens next and when.

        Those who may only watch are told without internals.
        """
        principal = current_principal(request)
        video = get_video(tenant=principal.tenant, video_id=pk)
        explanation = explain_video(
            video=video, storage=wiring.storage(), queue=wiring.fast_queue(), clock=wiring.shared_clock()
        )
        is_operator = principal.may_write_videos
        answer = why_json(video, explanation, language=language_of(request), for_operator=is_operator)
        return Response(answer | {"allowed_actions": shown_actions(video, may_write=principal.may_write_videos)})


def why_json(video: Video, explanation: Explanation, *, language: str, for_operator: bool) -> dict[str, Any]:
    """Put an explanation into words. The operator's sentence and the evidence's internals only `for_operator`."""
    diagnosis = explanation.diagnosis
    text = CAUSE_TEXTS[diagnosis.cause][language]
    return {
        "video_id": video.pk,
        "status": video.status,
        "verdict": text.detail,
        "hint": text.hint,
        "severity": diagnosis.verdict,
        "cause_code": diagnosis.cause,
        "inner_cause_code": diagnosis.inner_cause,
        "fault": diagnosis.fault,
        "acts": diagnosis.acts,
        "holder": diagnosis.holder if for_operator else diagnosis.holder.partition(":")[0],
        "since": diagnosis.since,
        "position_in_line": diagnosis.position_in_line,
        "next_step": NEXT_STEP_TEXTS[diagnosis.next_step][language],
        "next_step_code": diagnosis.next_step,
        "next_step_at": diagnosis.next_step_at,
        "operator": OPERATOR_TEXTS[diagnosis.cause][language] if for_operator else None,
        "evidence": [_evidence_json(piece, for_operator=for_operator) for piece in explanation.evidence],
    }


def _evidence_json(piece: Evidence, *, for_operator: bool) -> dict[str, Any]:
    facts = {**piece.facts, **piece.internals} if for_operator else piece.facts
    return {"source": piece.source, "age_seconds": piece.age_seconds, "facts": facts}
