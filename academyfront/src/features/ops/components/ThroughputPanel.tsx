import { useState } from "react";
import { SegmentedControl, SimpleGrid, Text } from "@mantine/core";
import { BarChart, LineChart } from "@mantine/charts";
import "@mantine/charts/styles.css";
import { useTranslation } from "react-i18next";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { useThroughput, type ThroughputStep, type Window } from "../api/ops";

/** How much was finished, and how long it took. Charts are heavy: this part comes after the rest of the page. */
export default function ThroughputPanel() {
  const { t } = useTranslation();
  const [window, setWindow] = useState<Window>("hour");
  return (
    <Panel
      title={t("ops.throughput")}
      testId="throughput"
      action={
        <SegmentedControl
          size="xs"
          aria-label={t("ops.throughput")}
          value={window}
          onChange={(value) => setWindow(value === "day" ? "day" : "hour")}
          data={[
            { value: "hour", label: t("ops.lastHour") },
            { value: "day", label: t("ops.lastDay") },
          ]}
        />
      }
    >
      <Loaded query={useThroughput(window)}>{(steps) => <Charts steps={steps} />}</Loaded>
    </Panel>
  );
}

function Charts({ steps }: { steps: readonly ThroughputStep[] }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
  const rows = steps.map((step) => ({
    at: clock.format(new Date(step.starts_at)),
    finished: step.finished_count,
    seconds: step.median_seconds === null ? null : Math.round(step.median_seconds),
  }));
  if (rows.every(({ finished }) => finished === 0)) {
    return (
      <Text size="sm" c="var(--text-soft)">
        {t("ops.noThroughput")}
      </Text>
    );
  }
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <BarChart
        h={220}
        data={rows}
        dataKey="at"
        series={[{ name: "finished", label: t("ops.finished"), color: "brand.6" }]}
        withLegend
      />
      <LineChart
        h={220}
        data={rows}
        dataKey="at"
        connectNulls={false}
        series={[{ name: "seconds", label: t("ops.medianSeconds"), color: "teal.6" }]}
        withLegend
      />
    </SimpleGrid>
  );
}
