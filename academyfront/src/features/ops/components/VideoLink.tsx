import type { ReactNode } from "react";
import { Code } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";

interface VideoLinkProps {
  id: number;
  isOurs: boolean;
  children: ReactNode;
}

/** Another academy's video opens for nobody else, operators included: the command line tells them why it waits. */
export function VideoLink({ id, isOurs, children }: VideoLinkProps) {
  const { t } = useTranslation();
  if (isOurs) return <Link to={`/videos/${id}`}>{children}</Link>;
  return (
    <>
      {children} <Code>{t("ops.whyCommand", { id })}</Code>
    </>
  );
}
