import { NativeSelect, Stack, Switch } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { PlaybackPolicy } from "../api/types";
import { SPEED_LIMITS } from "./policyWords";

interface PolicyFieldsProps {
  policy: PlaybackPolicy;
  onChange: (policy: PlaybackPolicy) => void;
}

/** What a video asks of those who watch it. */
export function PolicyFields({ policy, onChange }: PolicyFieldsProps) {
  const { t } = useTranslation();
  return (
    <Stack gap="md" role="group" aria-label={t("policy.title")} data-testid="policy-fields">
      <Switch
        label={t("policy.noSkip")}
        description={t("policy.noSkipHint")}
        checked={!policy.allow_skip}
        onChange={({ currentTarget }) => onChange({ ...policy, allow_skip: !currentTarget.checked })}
        data-testid="policy-no-skip"
      />
      <Switch
        label={t("policy.watermark")}
        description={t("policy.watermarkHint")}
        checked={policy.watermark}
        onChange={({ currentTarget }) => onChange({ ...policy, watermark: currentTarget.checked })}
        data-testid="policy-watermark"
      />
      <NativeSelect
        label={t("policy.maxSpeed")}
        value={String(policy.max_speed)}
        data={[...new Set([...SPEED_LIMITS, policy.max_speed])].map((rate) => ({
          value: String(rate),
          label: rate === 1 ? t("policy.speedFixed") : t("player.speedValue", { rate }),
        }))}
        onChange={({ currentTarget }) => onChange({ ...policy, max_speed: Number(currentTarget.value) })}
        w={180}
        data-testid="policy-max-speed"
      />
    </Stack>
  );
}
