import { useState } from "react";
import { ActionIcon, Menu } from "@mantine/core";
import { IconDots, IconPlayerPause, IconPlayerPlay, IconPlaylistX, IconRefresh, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { ConfirmDialog } from "@/shared/ui/ConfirmDialog";
import { uploadQueue } from "../hooks/uploads";
import { isFinal, isUnfinished, mayPause, mayRetry, type UploadState } from "../upload/uploadMachine";
import type { UploadItem } from "../upload/uploadQueue";

/** What can be done to all uploads of this page at once: only what makes sense for at least one of them. */
export function AllUploadsMenu({ items }: { items: readonly UploadItem[] }) {
  const { t } = useTranslation();
  const [isAsking, setAsking] = useState(false);
  const some = (test: (state: UploadState) => boolean) => items.some(({ state }) => test(state));
  const entries = [
    { name: "pauseAll", icon: IconPlayerPause, shown: some(mayPause), act: () => uploadQueue.pauseAll() },
    { name: "resumeAll", icon: IconPlayerPlay, shown: some(isPaused), act: () => uploadQueue.resumeAll() },
    { name: "retryAll", icon: IconRefresh, shown: some(mayRetry), act: () => uploadQueue.retryAll() },
    { name: "cancelAll", icon: IconX, shown: some(isUnfinished), act: () => setAsking(true) },
    { name: "clear", icon: IconPlaylistX, shown: some(isFinal), act: () => uploadQueue.dismissFinished() },
  ] as const;
  if (items.length === 0) return null;
  return (
    <>
      <Menu position="bottom-end" withinPortal zIndex={250}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={34} aria-label={t("dock.all")} data-testid="all-uploads">
            <IconDots size={20} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {entries
            .filter(({ shown }) => shown)
            .map(({ name, icon: Icon, act }) => (
              <Menu.Item key={name} leftSection={<Icon size={17} />} data-testid={`all-${name}`} onClick={act}>
                {t(`dock.${name}`)}
              </Menu.Item>
            ))}
        </Menu.Dropdown>
      </Menu>
      <ConfirmDialog
        isOpen={isAsking}
        testId="cancel-all"
        title={t("dock.cancelAllTitle")}
        text={t("dock.cancelText")}
        confirm={t("dock.cancelConfirm")}
        keep={t("dock.cancelKeep")}
        isDangerous
        onClose={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          uploadQueue.cancelAll();
        }}
      />
    </>
  );
}

function isPaused({ phase }: UploadState): boolean {
  return phase === "paused";
}
