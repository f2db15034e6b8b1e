import type { ReactNode } from "react";
import { Skeleton } from "@mantine/core";
import classes from "./Panel.module.css";
import { ProblemView } from "./ProblemView";

interface PanelProps {
  title: string;
  testId?: string;
  action?: ReactNode;
  children: ReactNode;
}

/** A titled part of a page. */
export function Panel({ title, testId, action, children }: PanelProps) {
  return (
    <section className={classes.panel} data-testid={testId}>
      <div className={classes.head}>
        <h2 className={classes.title}>{title}</h2>
        {action}
      </div>
      {children}
    </section>
  );
}

interface LoadedProps<T> {
  query: { data: T | undefined; error: unknown; refetch: () => unknown };
  children: (answer: T) => ReactNode;
}

/** What was asked for; until then its shape, and what went wrong instead of it. */
export function Loaded<T>({ query, children }: LoadedProps<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error !== null) return <ProblemView error={query.error} onRetry={() => void query.refetch()} />;
  return <Skeleton h={90} radius="md" />;
}
