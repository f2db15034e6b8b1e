import { Group, Progress, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Video } from "../api/types";
import { isKnownStage, useRemainingWords } from "./words";

/** How far an encode is: its stage in words, a bar that never claims more than the server said, the time left. */
export function EncodeProgress({ video }: { video: Video }) {
  const { t } = useTranslation();
  const remainingWords = useRemainingWords();
  const { progress } = video;
  // A waiting job has progress, but nothing that moves; the badge says that it waits.
  if (progress === null || progress.stage === "") return null;
  const percent = Math.max(0, Math.min(100, Math.floor(progress.percent)));
  const stage = isKnownStage(progress.stage) ? t(`stage.${progress.stage}`) : t("stage.unknown");
  return (
    <div data-testid="encode-progress">
      <Progress.Root size={6} radius="xl">
        <Progress.Section value={percent} aria-label={t("dock.encodeProgressOf", { title: video.title })} />
      </Progress.Root>
      <Group justify="space-between" gap="xs" mt={6} wrap="nowrap">
        <Text size="xs" c="var(--text-soft)" truncate>
          {stage}
          {progress.remaining_seconds !== null && ` · ${remainingWords(progress.remaining_seconds)}`}
        </Text>
        <Text size="xs" fw={600} className="tabular" flex="none">
          {percent}%
        </Text>
      </Group>
    </div>
  );
}
