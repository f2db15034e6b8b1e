import { Progress, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useSession } from "@/shared/api/session";
import { formatBytes, formatDateTime } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { ForbiddenView } from "@/shared/ui/ForbiddenView";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { useAudit, useUsage, type AuditEntry } from "../api/settings";
import { ApiKeysPanel } from "../components/ApiKeysPanel";
import { MembersPanel } from "../components/MembersPanel";
import { WebhooksPanel } from "../components/WebhooksPanel";

export default function SettingsPage() {
  const { t } = useTranslation();
  if (useSession().data?.role !== "owner") return <ForbiddenView />;
  return (
    <Stack gap="lg" data-testid="settings-page">
      <Title order={1}>{t("settings.title")}</Title>
      <UsagePanel />
      <MembersPanel />
      <ApiKeysPanel />
      <WebhooksPanel />
      <AuditPanel />
    </Stack>
  );
}

function UsagePanel() {
  const { t } = useTranslation();
  const language = useLanguage();
  const hours = (seconds: number) => t("settings.hours", { count: Math.round(seconds / 360) / 10 });
  return (
    <Panel title={t("settings.usage")} testId="usage">
      <Loaded query={useUsage()}>
        {(quota) => (
          <Stack gap="sm">
            <UsageBar name={t("settings.storage")} {...quota.stored_bytes} words={(bytes) => formatBytes(bytes, language)} />
            <UsageBar name={t("settings.length")} {...quota.stored_seconds} words={hours} />
            <UsageBar name={t("settings.openUploads")} {...quota.open_uploads} words={String} />
          </Stack>
        )}
      </Loaded>
    </Panel>
  );
}

interface UsageBarProps {
  name: string;
  used: number;
  allowed: number | null;
  words: (amount: number) => string;
}

function UsageBar({ name, used, allowed, words }: UsageBarProps) {
  const { t } = useTranslation();
  const share = allowed === null || allowed === 0 ? 0 : Math.min(100, (used / allowed) * 100);
  return (
    <div>
      <Text size="sm">
        <strong>{name}</strong>{" "}
        {allowed === null
          ? t("settings.unlimited", { used: words(used) })
          : t("settings.usedOf", { used: words(used), allowed: words(allowed) })}
      </Text>
      {allowed !== null && (
        <Progress.Root size={8} radius="xl" mt={4}>
          <Progress.Section value={share} color={share > 90 ? "red" : "brand"} aria-label={name} />
        </Progress.Root>
      )}
    </div>
  );
}

const AUDITED = [
  "member_added",
  "role_changed",
  "member_removed",
  "api_key_issued",
  "api_key_revoked",
  "webhook_added",
  "webhook_changed",
  "webhook_enabled",
  "webhook_disabled",
  "webhook_secret_rotated",
  "webhook_replayed",
  "webhook_removed",
] as const;

function AuditPanel() {
  const { t } = useTranslation();
  const language = useLanguage();
  const words = ({ name, facts }: AuditEntry) => {
    const subject = facts["username"] ?? facts["prefix"] ?? facts["host"];
    const who = typeof subject === "string" ? subject : "";
    const known = AUDITED.find((word) => word === name);
    return known === undefined ? name : t(`settings.audit.${known}`, { who });
  };
  return (
    <Panel title={t("settings.record")} testId="audit">
      <Loaded query={useAudit()}>
        {(entries) =>
          entries.length === 0 ? (
            <Text size="sm" c="var(--text-soft)">
              {t("settings.recordEmpty")}
            </Text>
          ) : (
            <Stack component="ul" gap={6} m={0} pl={18}>
              {entries.map((entry) => (
                <li key={entry.id}>
                  <Text size="sm">
                    {words(entry)}{" "}
                    <Text span c="var(--text-soft)">
                      {formatDateTime(entry.at, language)}
                    </Text>
                  </Text>
                </li>
              ))}
            </Stack>
          )
        }
      </Loaded>
    </Panel>
  );
}
