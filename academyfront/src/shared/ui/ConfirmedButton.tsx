import type { ReactNode } from "react";
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { ConfirmDialog, type ConfirmDialogProps } from "./ConfirmDialog";

interface ConfirmedButtonProps {
  testId: string;
  text: string;
  /** Where the text alone does not say of what: in a row of a table. */
  label?: string;
  icon?: ReactNode;
  question: Pick<ConfirmDialogProps, "title" | "text" | "confirm">;
  isPending: boolean;
  isDangerous?: boolean;
  onConfirm: (close: () => void) => void;
}

/** A button that asks before it does what cannot be taken back. Without an icon it is one of a table's row. */
export function ConfirmedButton(props: ConfirmedButtonProps) {
  const { testId, text, label, icon, question, isPending, isDangerous = false, onConfirm } = props;
  const [isOpen, dialog] = useDisclosure(false);
  return (
    <>
      <Button
        {...(icon === undefined ? { size: "xs", variant: "subtle" } : { leftSection: icon, variant: "default" })}
        {...(isDangerous ? { c: "var(--danger)" } : {})}
        aria-label={label}
        data-testid={testId}
        onClick={dialog.open}
      >
        {text}
      </Button>
      <ConfirmDialog
        {...question}
        isOpen={isOpen}
        isPending={isPending}
        isDangerous={isDangerous}
        testId={testId}
        onClose={dialog.close}
        onConfirm={() => onConfirm(dialog.close)}
      />
    </>
  );
}
