import { useTranslation } from "react-i18next";
import { assertNever } from "@/shared/assertNever";
import type { Place } from "../api/ops";

/** A place of the line, in the words of the page that counts it. */
export function usePlaceWords(): (place: Place) => string {
  const { t } = useTranslation();
  return (place) => {
    switch (place) {
      case "pending":
        return t("status.PENDING");
      case "uploaded":
        return t("status.UPLOADED");
      case "processing":
        return t("status.PROCESSING");
      case "ready":
        return t("status.READY");
      case "failed":
        return t("status.FAILED");
      case "expired":
        return t("status.EXPIRED");
      case "queued":
        return t("ops.queued");
      case "running":
        return t("ops.running");
      case "retry_wait":
        return t("ops.waitingForRetry");
      case "outbox_due":
        return t("ops.outboxDue");
      case "outbox_failing":
        return t("ops.outboxFailing");
      case "dead_letters":
        return t("ops.deadLetters");
      default:
        return assertNever(place);
    }
  };
}
