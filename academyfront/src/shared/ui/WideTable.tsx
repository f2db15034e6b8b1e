import type { ReactNode } from "react";
import { Table } from "@mantine/core";

interface WideTableProps {
  label: string;
  minWidth: number;
  children: ReactNode;
}

/** A table that scrolls sideways on a phone, also by keyboard: nothing in it may be able to take the focus. */
export function WideTable({ label, minWidth, children }: WideTableProps) {
  return (
    <Table.ScrollContainer
      minWidth={minWidth}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": label } }}
    >
      <Table verticalSpacing="xs">{children}</Table>
    </Table.ScrollContainer>
  );
}
