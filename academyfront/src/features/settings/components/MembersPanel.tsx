import { useState, type SubmitEvent } from "react";
import { Button, Group, NativeSelect, PasswordInput, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconUserPlus } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { HttpProblem } from "@/shared/api/problem";
import { useSession } from "@/shared/api/session";
import { ConfirmedButton } from "@/shared/ui/ConfirmedButton";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { RowTable } from "@/shared/ui/RowTable";
import { toastDone, toastProblem } from "@/shared/ui/toasts";
import { useMembers, useSettle, type Member, type Role } from "../api/settings";
import { FormToggle } from "./FormToggle";

const ROLES: readonly Role[] = ["owner", "staff", "viewer"];
const asRole = (value: string): Role => ROLES.find((role) => role === value) ?? "viewer";

export function MembersPanel() {
  const { t } = useTranslation();
  const [isOpen, form] = useDisclosure(false);
  return (
    <Panel
      title={t("settings.members")}
      testId="members"
      action={
        <FormToggle isOpen={isOpen} onToggle={form.toggle} icon={<IconUserPlus size={16} />} testId="member-add">
          {t("settings.addMember")}
        </FormToggle>
      }
    >
      {isOpen && <AddMember onDone={form.close} />}
      <Loaded query={useMembers()}>
        {(members) => (
          <RowTable>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("settings.name")}</Table.Th>
                <Table.Th>{t("login.username")}</Table.Th>
                <Table.Th w={150}>{t("settings.role")}</Table.Th>
                <Table.Th w={90}>{t("settings.action")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {members.map((member) => (
                <MemberRow key={member.id} member={member} />
              ))}
            </Table.Tbody>
          </RowTable>
        )}
      </Loaded>
    </Panel>
  );
}

function MemberRow({ member }: { member: Member }) {
  const { t } = useTranslation();
  const { changeRole, removeMember } = useSettle();
  const isMe = useSession().data?.user?.id === member.user_id;
  return (
    <Table.Tr data-testid="member-row">
      <Table.Td>
        {member.display_name}
        {isMe && ` (${t("settings.me")})`}
      </Table.Td>
      <Table.Td data-label={t("login.username")}>{member.username}</Table.Td>
      <Table.Td>
        <NativeSelect
          size="xs"
          aria-label={t("settings.roleOf", { name: member.display_name })}
          value={member.role}
          disabled={changeRole.isPending}
          data={ROLES.map((role) => ({ value: role, label: t(`app.role.${role}`) }))}
          onChange={({ currentTarget }) =>
            changeRole.mutate({ id: member.id, role: asRole(currentTarget.value) }, { onError: toastProblem })
          }
        />
      </Table.Td>
      <Table.Td>
        <ConfirmedButton
          testId="member-remove"
          isDangerous
          isPending={removeMember.isPending}
          text={t("settings.remove")}
          label={t("settings.removeOf", { name: member.display_name })}
          question={{
            title: t("settings.removeTitle", { name: member.display_name }),
            text: t("settings.removeText"),
            confirm: t("settings.remove"),
          }}
          onConfirm={(close) => removeMember.mutate(member.id, { onError: toastProblem, onSettled: close })}
        />
      </Table.Td>
    </Table.Tr>
  );
}

function AddMember({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const { addMember } = useSettle();
  const [fields, setFields] = useState({ username: "", display_name: "", password: "", role: "staff" as Role });
  const refused = addMember.error instanceof HttpProblem ? addMember.error.facts.fields : {};
  const set = (part: Partial<typeof fields>) => setFields({ ...fields, ...part });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    addMember.mutate(fields, {
      onSuccess: () => {
        toastDone(t("settings.memberAdded", { name: fields.username }));
        onDone();
      },
      onError: toastProblem,
    });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="xs" mb="md">
        <Group grow align="start">
          <TextInput
            required
            label={t("login.username")}
            autoComplete="off"
            value={fields.username}
            error={refused["username"]?.[0]}
            onChange={({ currentTarget }) => set({ username: currentTarget.value })}
          />
          <TextInput
            label={t("settings.name")}
            value={fields.display_name}
            onChange={({ currentTarget }) => set({ display_name: currentTarget.value })}
          />
        </Group>
        <Group grow align="start">
          <PasswordInput
            required
            label={t("settings.firstPassword")}
            autoComplete="new-password"
            value={fields.password}
            error={refused["password"]?.[0]}
            onChange={({ currentTarget }) => set({ password: currentTarget.value })}
          />
          <NativeSelect
            label={t("settings.role")}
            value={fields.role}
            data={ROLES.map((role) => ({ value: role, label: t(`app.role.${role}`) }))}
            onChange={({ currentTarget }) => set({ role: asRole(currentTarget.value) })}
          />
        </Group>
        <Text size="sm" c="var(--text-soft)">
          {t("settings.passwordHint")}
        </Text>
        <Group justify="flex-end">
          <Button type="submit" loading={addMember.isPending} data-testid="member-save">
            {t("settings.addMember")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
