import type { ReactNode } from "react";
import { Stack, Text, Title } from "@mantine/core";
import classes from "./StateView.module.css";

interface StateViewProps {
  icon: ReactNode;
  title: string;
  text?: string | undefined;
  note?: string | undefined;
  action?: ReactNode;
  tone?: "calm" | "alarm";
  testId?: string;
  /** The page has no other heading. */
  isWholePage?: boolean;
}

/** What a page shows instead of its content: empty, failed, forbidden, not found. */
export function StateView({ icon, title, text, note, action, tone = "calm", testId, isWholePage = false }: StateViewProps) {
  return (
    <Stack align="center" gap="sm" className={classes.root} data-testid={testId}>
      <div className={classes.icon} data-tone={tone} aria-hidden>
        {icon}
      </div>
      <Title order={isWholePage ? 1 : 2} size="h2" ta="center">
        {title}
      </Title>
      {text !== undefined && text !== "" && (
        <Text ta="center" className={classes.text}>
          {text}
        </Text>
      )}
      {action !== undefined && <div className={classes.action}>{action}</div>}
      {note !== undefined && <Text className={classes.note}>{note}</Text>}
    </Stack>
  );
}
