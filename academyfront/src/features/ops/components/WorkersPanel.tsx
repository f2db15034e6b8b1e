import { Progress, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useSession } from "@/shared/api/session";
import { Panel } from "@/shared/ui/Panel";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { RowTable } from "@/shared/ui/RowTable";
import type { Worker } from "../api/ops";
import { VideoLink } from "./VideoLink";

export function WorkersPanel({ workers }: { workers: readonly Worker[] }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("ops.workers")} testId="workers">
      {workers.length === 0 ? (
        <Text size="sm" c="var(--text-soft)">
          {t("ops.noWorkers")}
        </Text>
      ) : (
        <RowTable>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("ops.workers")}</Table.Th>
              <Table.Th>{t("ops.seen")}</Table.Th>
              <Table.Th>{t("ops.job")}</Table.Th>
              <Table.Th>{t("ops.lease")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {workers.map((worker) => (
              <WorkerRow key={`${worker.worker_id}-${worker.job_id ?? ""}`} worker={worker} />
            ))}
          </Table.Tbody>
        </RowTable>
      )}
    </Panel>
  );
}

function WorkerRow({ worker }: { worker: Worker }) {
  const { t } = useTranslation();
  const tenant = useSession().data?.tenant;
  return (
    <Table.Tr data-testid="worker-row">
      <Table.Td>{worker.worker_id}</Table.Td>
      <Table.Td data-label={t("ops.seen")}>
        <RelativeTime iso={worker.seen_at} />
      </Table.Td>
      <Table.Td data-label={t("ops.job")}>
        {worker.video_id === null ? (
          t("ops.idle")
        ) : (
          <>
            <VideoLink id={worker.video_id} isOurs={tenant?.code === worker.tenant_code}>
              {worker.tenant_code} #{worker.video_id}
            </VideoLink>
            <Progress.Root size={6} radius="xl" mt={4}>
              <Progress.Section value={worker.progress_percent} aria-label={worker.worker_id} />
            </Progress.Root>
          </>
        )}
      </Table.Td>
      <Table.Td data-label={t("ops.lease")}>{worker.lease_until === null ? "–" : <RelativeTime iso={worker.lease_until} />}</Table.Td>
    </Table.Tr>
  );
}
