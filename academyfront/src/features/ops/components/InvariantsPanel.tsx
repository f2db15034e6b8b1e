import { useState } from "react";
import { Badge, Button, Group, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useSession } from "@/shared/api/session";
import { Dialog } from "@/shared/ui/Dialog";
import { Panel } from "@/shared/ui/Panel";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { RowTable } from "@/shared/ui/RowTable";
import { toastDone, toastProblem } from "@/shared/ui/toasts";
import { useReconcile, type Finding, type Invariant } from "../api/ops";
import { VideoLink } from "./VideoLink";

/** What must always hold, what the last round found, and a look before any repair. */
export function InvariantsPanel({ invariants }: { invariants: readonly Invariant[] }) {
  const { t } = useTranslation();
  const [findings, setFindings] = useState<readonly Finding[]>([]);
  const [looksAt, setLooksAt] = useState<string | null>(null);
  const reconcile = useReconcile();
  const look = (code: string) =>
    reconcile.mutate(
      { code, apply: false },
      {
        onSuccess: (answer) => {
          setFindings(answer.findings);
          setLooksAt(code);
        },
        onError: toastProblem,
      },
    );
  const repair = (code: string) =>
    reconcile.mutate(
      { code, apply: true },
      {
        onSuccess: ({ reports }) => {
          const { found = 0, repaired = 0 } = reports[0] ?? {};
          toastDone(t("ops.repaired", { found, repaired }));
        },
        onError: toastProblem,
        onSettled: () => setLooksAt(null),
      },
    );
  return (
    <Panel title={t("ops.invariants")} testId="invariants">
      <RowTable>
        <Table.Tbody>
          {invariants.map(({ code, sentence, found, ran_at: ranAt }) => (
            <Table.Tr key={code} data-testid={`invariant-${code}`}>
              <Table.Td w={60}>
                <strong>{code}</strong>
              </Table.Td>
              <Table.Td>
                <Text size="sm">{sentence}</Text>
                {ranAt !== null && (
                  <Text size="xs" c="var(--text-soft)">
                    {t("ops.lastRound")} <RelativeTime iso={ranAt} />
                  </Text>
                )}
              </Table.Td>
              <Table.Td w={130}>
                <Badge variant="default">{found === 0 ? t("ops.healthy") : t("ops.found", { count: found })}</Badge>
              </Table.Td>
              <Table.Td w={120}>
                <Button
                  size="xs"
                  variant="default"
                  loading={reconcile.isPending && reconcile.variables.code === code}
                  onClick={() => look(code)}
                  data-testid={`look-${code}`}
                >
                  {t("ops.look")}
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </RowTable>
      <Dialog isOpen={looksAt !== null} onClose={() => setLooksAt(null)} title={looksAt} size="lg">
        <div data-testid="dry-run">
          {findings.length === 0 ? <Text>{t("ops.nothingFound")}</Text> : <Findings findings={findings} />}
        </div>
        {findings.length > 0 && looksAt !== null && (
          <Group justify="flex-end" mt="lg">
            <Button loading={reconcile.isPending} onClick={() => repair(looksAt)} data-testid="repair">
              {t("ops.repair")}
            </Button>
          </Group>
        )}
      </Dialog>
    </Panel>
  );
}

function Findings({ findings }: { findings: readonly Finding[] }) {
  const { t } = useTranslation();
  const tenant = useSession().data?.tenant;
  return (
    <>
      <Text c="var(--text-soft)">{t("ops.dryRun")}</Text>
      <ul>
        {findings.map((finding) => (
          <li key={`${finding.invariant} ${finding.subject}`}>
            {finding.video_id > 0 ? (
              <VideoLink id={finding.video_id} isOurs={tenant?.id === finding.tenant_id}>
                {finding.subject}
              </VideoLink>
            ) : (
              finding.subject
            )}
            {": "}
            {finding.detail}
          </li>
        ))}
      </ul>
    </>
  );
}
