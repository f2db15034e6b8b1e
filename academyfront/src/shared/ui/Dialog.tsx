import type { ReactNode } from "react";
import { Modal, type MantineSize } from "@mantine/core";
import { useTranslation } from "react-i18next";

interface DialogProps {
  title: ReactNode;
  isOpen?: boolean;
  size?: MantineSize;
  onClose: () => void;
  children: ReactNode;
}

/** Asks or tells something before the page goes on. It lies over everything, the uploads' dock included. */
export function Dialog({ title, isOpen = true, size = "md", onClose, children }: DialogProps) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title={title}
      size={size}
      centered
      zIndex={300}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {children}
    </Modal>
  );
}
