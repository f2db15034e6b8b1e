import { useState } from "react";
import { Anchor, Button, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { formatBytes } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { Dialog } from "@/shared/ui/Dialog";
import { DialogActions } from "@/shared/ui/DialogActions";
import { problemWords } from "@/shared/ui/problemWords";
import type { Video } from "../api/types";
import { useDownloads, type Download } from "../hooks/useDownloads";
import classes from "./DownloadDialog.module.css";

interface DownloadDialogProps {
  videos: readonly Video[];
  onClose: () => void;
}

/** The sources of many videos, one after the other. Browsers ask before they take several: the page says so, and keeps links. */
export function DownloadDialog({ videos, onClose }: DownloadDialogProps) {
  const { t } = useTranslation();
  const { downloads, isRunning, start } = useDownloads(videos);
  const [isBegun, setBegun] = useState(false);
  return (
    <Dialog onClose={onClose} title={t("library.bulk.downloadTitle", { count: videos.length })}>
      <Text c="var(--text-soft)">{t("library.bulk.downloadText")}</Text>
      <ul className={classes.list} aria-live="polite" data-testid="downloads">
        {downloads.map((download) => (
          <DownloadLine key={download.video.id} download={download} />
        ))}
      </ul>
      <DialogActions onClose={onClose} keep={t("app.close")}>
        {!isBegun || isRunning ? (
          <Button
            loading={isRunning}
            onClick={() => {
              setBegun(true);
              void start();
            }}
            data-testid="bulk-download-start"
          >
            {t("library.bulk.downloadStart")}
          </Button>
        ) : null}
      </DialogActions>
    </Dialog>
  );
}

function DownloadLine({ download }: { download: Download }) {
  const { t } = useTranslation();
  const language = useLanguage();
  if (download.state === "refused") {
    const reason = problemWords(download.error, t).detail;
    return <li data-state="refused">{t("library.bulk.reason", { title: download.video.title, reason })}</li>;
  }
  const { url, filename, size_bytes: sizeBytes } = download.source;
  return (
    <li data-state="started">
      <Anchor href={url} download={filename}>
        {filename}
      </Anchor>{" "}
      {formatBytes(sizeBytes, language)}
    </li>
  );
}
