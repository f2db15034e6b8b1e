import { useState, type SubmitEvent } from "react";
import { Button, Checkbox, Code, Group, Stack, Table, Text, TextInput } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { ConfirmedButton } from "@/shared/ui/ConfirmedButton";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { RowTable } from "@/shared/ui/RowTable";
import { toastProblem } from "@/shared/ui/toasts";
import { useApiKeys, useSettle, type ApiKey, type IssuedApiKey, type Scope } from "../api/settings";
import { ShownOnce } from "./ShownOnce";

const SCOPES: readonly Scope[] = ["videos:read", "videos:write"];

export function ApiKeysPanel() {
  const { t } = useTranslation();
  const [issued, setIssued] = useState<IssuedApiKey | null>(null);
  return (
    <Panel title={t("settings.keys")} testId="api-keys">
      <IssueKey onIssued={setIssued} />
      {issued !== null && (
        <ShownOnce
          title={t("settings.keyOnce")}
          secret={issued.key}
          testId="api-key-plaintext"
          onClose={() => setIssued(null)}
        />
      )}
      <Loaded query={useApiKeys()}>
        {(keys) =>
          keys.length === 0 ? (
            <Text size="sm" c="var(--text-soft)">
              {t("settings.noKeys")}
            </Text>
          ) : (
            <RowTable>
              <Table.Tbody>
                {keys.map((key) => (
                  <KeyRow key={key.prefix} apiKey={key} />
                ))}
              </Table.Tbody>
            </RowTable>
          )
        }
      </Loaded>
    </Panel>
  );
}

function KeyRow({ apiKey }: { apiKey: ApiKey }) {
  const { t } = useTranslation();
  const { revokeKey } = useSettle();
  const isRevoked = apiKey.revoked_at !== null;
  return (
    <Table.Tr data-testid="api-key-row" data-revoked={isRevoked || undefined}>
      <Table.Td>
        {apiKey.name} <Code>{t("settings.keyText", { prefix: apiKey.prefix })}</Code>
      </Table.Td>
      <Table.Td>{apiKey.scopes.map((scope) => t(`settings.scope.${scopeName(scope)}`)).join(", ")}</Table.Td>
      <Table.Td>
        {apiKey.last_used_at === null ? t("settings.neverUsed") : <RelativeTime iso={apiKey.last_used_at} />}
      </Table.Td>
      <Table.Td w={100}>
        {isRevoked ? (
          t("settings.revoked")
        ) : (
          <ConfirmedButton
            testId="api-key-revoke"
            isDangerous
            isPending={revokeKey.isPending}
            text={t("settings.revoke")}
            label={t("settings.revokeOf", { name: apiKey.name })}
            question={{
              title: t("settings.revokeTitle", { name: apiKey.name }),
              text: t("settings.revokeText"),
              confirm: t("settings.revoke"),
            }}
            onConfirm={(close) => revokeKey.mutate(apiKey.prefix, { onError: toastProblem, onSettled: close })}
          />
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function IssueKey({ onIssued }: { onIssued: (issued: IssuedApiKey) => void }) {
  const { t } = useTranslation();
  const { issueKey } = useSettle();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["videos:read"]);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const body = { name: name.trim(), scopes: [...scopes] };
    issueKey.mutate(body, {
      onSuccess: (issued) => {
        setName("");
        onIssued(issued);
      },
      onError: toastProblem,
    });
  };
  const toggle = (scope: Scope) =>
    setScopes(scopes.includes(scope) ? scopes.filter((known) => known !== scope) : [...scopes, scope]);
  return (
    <form onSubmit={submit}>
      <Group align="end" gap="md" mb="md">
        <TextInput
          required
          label={t("settings.keyName")}
          placeholder={t("settings.keyNameExample")}
          value={name}
          maxLength={100}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          data-testid="api-key-name"
        />
        <Stack gap={4} role="group" aria-label={t("settings.scopes")}>
          {SCOPES.map((scope) => (
            <Checkbox
              key={scope}
              size="sm"
              label={t(`settings.scope.${scopeName(scope)}`)}
              checked={scopes.includes(scope)}
              onChange={() => toggle(scope)}
            />
          ))}
        </Stack>
        <Button
          type="submit"
          variant="default"
          leftSection={<IconKey size={16} />}
          disabled={scopes.length === 0 || name.trim() === ""}
          loading={issueKey.isPending}
          data-testid="api-key-issue"
        >
          {t("settings.issue")}
        </Button>
      </Group>
    </form>
  );
}

function scopeName(scope: Scope): "read" | "write" {
  return scope === "videos:read" ? "read" : "write";
}
