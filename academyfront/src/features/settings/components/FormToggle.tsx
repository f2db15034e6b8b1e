import type { ReactNode } from "react";
import { Button } from "@mantine/core";

interface FormToggleProps {
  isOpen: boolean;
  onToggle: () => void;
  icon: ReactNode;
  testId: string;
  children: ReactNode;
}

/** Opens a panel's form for one more, and folds it away again. */
export function FormToggle({ isOpen, onToggle, icon, testId, children }: FormToggleProps) {
  return (
    <Button
      variant="default"
      size="xs"
      leftSection={icon}
      aria-expanded={isOpen}
      onClick={onToggle}
      data-testid={testId}
    >
      {children}
    </Button>
  );
}
