import { Menu, Text } from "@mantine/core";
import { IconActivity, IconLogout, IconSettings } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useLogout, type Session } from "@/shared/api/session";
import { toastProblem } from "@/shared/ui/toasts";
import { AccountButton } from "./AccountButton";

/** Who is signed in, for which academy, and the way out; open from the start. */
export default function AccountDropdown({ name, session }: { name: string; session: Session }) {
  const { t } = useTranslation();
  const logout = useLogout();
  return (
    <Menu defaultOpened position="bottom-end" width={220} withInitialFocusPlaceholder={false} returnFocus>
      <Menu.Target>
        <AccountButton name={name} />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--text)">
            {name}
          </Text>
          {session.tenant !== null && <Text size="xs">{session.tenant.name}</Text>}
          {session.role !== null && <Text size="xs">{t(`app.role.${session.role}`)}</Text>}
        </Menu.Label>
        {session.is_operator && (
          <Menu.Item component={Link} to="/operations" hiddenFrom="sm" leftSection={<IconActivity size={18} />}>
            {t("app.operations")}
          </Menu.Item>
        )}
        {session.role === "owner" && (
          <Menu.Item component={Link} to="/settings" hiddenFrom="sm" leftSection={<IconSettings size={18} />}>
            {t("app.settings")}
          </Menu.Item>
        )}
        <Menu.Divider />
        <Menu.Item
          leftSection={<IconLogout size={18} />}
          data-testid="sign-out"
          onClick={() => logout.mutate(undefined, { onError: toastProblem })}
        >
          {t("app.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
