import type { ComponentPropsWithRef } from "react";
import { Avatar, UnstyledButton } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** The first letter of who is signed in. */
export function AccountButton({ name, ...rest }: ComponentPropsWithRef<"button"> & { name: string }) {
  const { t } = useTranslation();
  return (
    <UnstyledButton aria-label={t("app.account")} data-testid="account-menu" {...rest}>
      <Avatar color="brand" radius="xl" size={36} alt="">
        {Array.from(name)[0]?.toUpperCase()}
      </Avatar>
    </UnstyledButton>
  );
}
