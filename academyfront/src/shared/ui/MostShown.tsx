import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** The most rows that the operators' lists hold. */
const MOST_SHOWN = 100;

/** Says of a list that it may not be all. */
export function MostShown({ count }: { count: number }) {
  const { t } = useTranslation();
  if (count < MOST_SHOWN) return null;
  return (
    <Text size="sm" c="var(--text-soft)" mt="xs">
      {t("ops.mostShown", { count: MOST_SHOWN })}
    </Text>
  );
}
