import { useState, type ReactNode } from "react";
import { ActionIcon, Button, Group, Text } from "@mantine/core";
import { IconDownload, IconFolderSymlink, IconRefresh, IconShieldCheck, IconTrash, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { ConfirmDialog } from "@/shared/ui/ConfirmDialog";
import { toastDone, toastProblem, toastReasons } from "@/shared/ui/toasts";
import type { BulkAnswer } from "../api/types";
import type { BulkOrder } from "../api/videoApi";
import type { Selection } from "../hooks/useSelection";
import { useBulk } from "../hooks/useVideos";
import classes from "./BulkBar.module.css";
import { DownloadDialog } from "./DownloadDialog";
import { MoveDialog } from "./MoveDialog";
import { PolicyDialog } from "./PolicyDialog";

/** What can be done with all marked videos at once. Those that refuse stay marked, with the reason. */
export default function BulkBar({ selection }: { selection: Selection }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState<"delete" | "move" | "policy" | "download" | null>(null);
  const ids = [...selection.videos.keys()];
  const tell = ({ results }: BulkAnswer) => {
    const done = results.filter(({ refusal }) => refusal === null).map((result) => result.video_id);
    if (done.length > 0) toastDone(t("library.bulk.done", { count: done.length }));
    const reasons = results.flatMap(({ video_id: id, refusal }) =>
      refusal === null
        ? []
        : [t("library.bulk.reason", { title: selection.videos.get(id)?.title ?? "", reason: refusal.detail })],
    );
    if (reasons.length > 0) toastReasons(t("library.bulk.refused", { count: reasons.length }), reasons);
    selection.drop(done);
  };
  const bulk = useBulk(tell);
  // A promise, because the bar may be gone before the answer is there: marks can be taken away meanwhile.
  const run = (order: BulkOrder) => void bulk.mutateAsync(order).catch(toastProblem).finally(() => setAsking(null));
  return (
    <div className={classes.bar} role="region" aria-label={t("library.bulk.label")} data-testid="bulk-bar">
      <Text fw={600} size="sm" role="status" className={classes.count}>
        {t("library.bulk.selected", { count: ids.length })}
      </Text>
      <Group gap={6} className={classes.actions}>
        <BarButton
          icon={<IconRefresh size={17} />}
          isPending={bulk.isPending && asking === null}
          onClick={() => run({ action: "retry", video_ids: ids })}
          testId="bulk-retry"
        >
          {t("video.actions.retry")}
        </BarButton>
        <BarButton icon={<IconFolderSymlink size={17} />} onClick={() => setAsking("move")} testId="bulk-move">
          {t("library.bulk.move")}
        </BarButton>
        <BarButton icon={<IconShieldCheck size={17} />} onClick={() => setAsking("policy")} testId="bulk-policy">
          {t("policy.title")}
        </BarButton>
        <BarButton icon={<IconDownload size={17} />} onClick={() => setAsking("download")} testId="bulk-download">
          {t("video.actions.download")}
        </BarButton>
        <BarButton icon={<IconTrash size={17} />} isDangerous onClick={() => setAsking("delete")} testId="bulk-delete">
          {t("video.actions.delete")}
        </BarButton>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={34}
          className={classes.clear}
          aria-label={t("library.bulk.clear")}
          onClick={() => selection.replace([])}
        >
          <IconX size={18} />
        </ActionIcon>
      </Group>
      <ConfirmDialog
        isOpen={asking === "delete"}
        isDangerous
        isPending={bulk.isPending}
        testId="bulk-delete"
        title={t("library.bulk.deleteTitle", { count: ids.length })}
        text={t("library.bulk.deleteText")}
        confirm={t("video.deleteConfirm")}
        onConfirm={() => run({ action: "delete", video_ids: ids })}
        onClose={() => setAsking(null)}
      />
      {asking === "download" && (
        <DownloadDialog videos={[...selection.videos.values()]} onClose={() => setAsking(null)} />
      )}
      {asking === "policy" && (
        <PolicyDialog
          videos={[...selection.videos.values()]}
          isPending={bulk.isPending}
          onSet={(policy) => run({ action: "set_policy", video_ids: ids, policy })}
          onClose={() => setAsking(null)}
        />
      )}
      <MoveDialog
        isOpen={asking === "move"}
        isPending={bulk.isPending}
        count={ids.length}
        onMove={(session) => run({ action: "move", video_ids: ids, session })}
        onClose={() => setAsking(null)}
      />
    </div>
  );
}

interface BarButtonProps {
  icon: ReactNode;
  testId: string;
  isPending?: boolean;
  isDangerous?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function BarButton({ icon, testId, isPending = false, isDangerous = false, onClick, children }: BarButtonProps) {
  return (
    <Button
      size="sm"
      variant="default"
      leftSection={icon}
      loading={isPending}
      {...(isDangerous ? { c: "var(--danger)" } : {})}
      onClick={onClick}
      data-testid={testId}
    >
      {children}
    </Button>
  );
}
