import type { ReactNode } from "react";
import { Table } from "@mantine/core";
import classes from "./RowTable.module.css";

/** A table whose rows become cards on a phone. There the head is gone: a cell says its `data-label` itself. */
export function RowTable({ children }: { children: ReactNode }) {
  return (
    <Table verticalSpacing="xs" className={classes.table}>
      {children}
    </Table>
  );
}
