import type { ReactNode } from "react";
import { Button, Group } from "@mantine/core";
import { useTranslation } from "react-i18next";

interface DialogActionsProps {
  onClose: () => void;
  /** What the button that changes nothing says. */
  keep?: string | undefined;
  /** It is the safe answer to a question. */
  isKeepFocused?: boolean;
  children?: ReactNode;
}

/** The way out of a dialog that changes nothing, and beside it what the dialog is for. */
export function DialogActions({ onClose, keep, isKeepFocused = false, children }: DialogActionsProps) {
  const { t } = useTranslation();
  return (
    <Group justify="flex-end" mt="lg">
      <Button variant="default" onClick={onClose} data-autofocus={isKeepFocused || undefined}>
        {keep ?? t("app.keep")}
      </Button>
      {children}
    </Group>
  );
}
