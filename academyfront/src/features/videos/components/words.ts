import { useTranslation } from "react-i18next";
import { assertNever } from "@/shared/assertNever";
import { roundRemaining } from "@/shared/i18n/format";
import { ko } from "@/shared/i18n/ko";

/** "3분 남음" for a number of seconds. */
export function useRemainingWords(): (seconds: number) => string {
  const { t } = useTranslation();
  return (seconds) => {
    const rounded = roundRemaining(seconds);
    switch (rounded.unit) {
      case "moments":
        return t("time.moments");
      case "seconds":
        return t("time.seconds", { count: rounded.count });
      case "minutes":
        return t("time.minutes", { count: rounded.count });
      case "hours":
        return t("time.hours", { count: rounded.count, minutes: rounded.minutes });
      default:
        return assertNever(rounded);
    }
  };
}

/** The server may learn new words before this page does; those are shown in general terms. */
export function isKnownStage(stage: string): stage is keyof typeof ko.stage {
  return Object.hasOwn(ko.stage, stage);
}

export function isKnownEvent(name: string): name is keyof typeof ko.timeline.event {
  return Object.hasOwn(ko.timeline.event, name);
}

export function isKnownActor(kind: string): kind is keyof typeof ko.timeline.by {
  return Object.hasOwn(ko.timeline.by, kind);
}
