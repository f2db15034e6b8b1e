import { useTranslation } from "react-i18next";
import type { PlaybackPolicy } from "../api/types";

export const SPEED_LIMITS: readonly number[] = [1, 1.25, 1.5, 1.75, 2];
export const NO_RULES: PlaybackPolicy = { allow_skip: true, max_speed: 2, watermark: false };

/** What all of these ask, or null where they differ. */
export function sharedPolicy(policies: readonly PlaybackPolicy[]): PlaybackPolicy | null {
  const [first = NO_RULES] = policies;
  const isFirst = (one: PlaybackPolicy) =>
    one.allow_skip === first.allow_skip && one.max_speed === first.max_speed && one.watermark === first.watermark;
  return policies.every(isFirst) ? first : null;
}

/** What a policy asks, in one line. */
export function usePolicyWords(): (policy: PlaybackPolicy) => string {
  const { t } = useTranslation();
  return ({ allow_skip: allowSkip, max_speed: rate, watermark }) => {
    const rules = [
      ...(allowSkip ? [] : [t("policy.noSkip")]),
      ...(rate < NO_RULES.max_speed ? [rate === 1 ? t("policy.speedFixed") : t("policy.speedUpTo", { rate })] : []),
      ...(watermark ? [t("policy.watermark")] : []),
    ];
    return rules.length === 0 ? t("policy.none") : rules.join(" · ");
  };
}
