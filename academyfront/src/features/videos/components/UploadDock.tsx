import { useState } from "react";
import { ActionIcon, Tooltip, VisuallyHidden } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconChevronDown, IconChevronUp, IconPlaylistX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useLocation } from "react-router";
import { uploadQueue, useLeaveWarning, useRefreshLibrary, useUploads } from "../hooks/uploads";
import { isFinal, isUnfinished } from "../upload/uploadMachine";
import type { UploadItem } from "../upload/uploadQueue";
import classes from "./UploadDock.module.css";
import { UploadRow } from "./UploadRow";

/** Follows the person through the app for as long as anything is being sent, or waits to be looked at. */
export function UploadDock() {
  const items = useUploads();
  useLeaveWarning(items);
  useRefreshLibrary(items);
  const { pathname } = useLocation();
  // The upload page shows the same list, larger.
  const isShown = items.length > 0 && pathname !== "/upload";
  return (
    <>
      <Announcements items={items} />
      {isShown && <DockPanel items={items} />}
    </>
  );
}

function DockPanel({ items }: { items: readonly UploadItem[] }) {
  const { t } = useTranslation();
  const isPhone = useMediaQuery("(max-width: 36em)", false, { getInitialValueInEffect: false });
  const [isOpen, setOpen] = useState(!isPhone);
  const label = isOpen ? t("dock.collapse") : t("dock.expand");
  return (
    <section className={classes.dock} aria-label={t("dock.title")} data-testid="upload-dock">
      <header className={classes.header}>
        <div className={classes.heading}>
          <h2 className={classes.title}>{t("dock.title")}</h2>
          <DockSummary items={items} />
        </div>
        {items.some((item) => isFinal(item.state)) && (
          <Tooltip label={t("dock.clear")}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size={34}
              aria-label={t("dock.clear")}
              onClick={() => uploadQueue.dismissFinished()}
            >
              <IconPlaylistX size={20} />
            </ActionIcon>
          </Tooltip>
        )}
        <ActionIcon
          variant="subtle"
          color="gray"
          size={34}
          aria-label={label}
          aria-expanded={isOpen}
          data-testid="dock-toggle"
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? <IconChevronDown size={20} /> : <IconChevronUp size={20} />}
        </ActionIcon>
      </header>
      {isOpen && (
        <ul className={classes.list}>
          {items.toReversed().map((item) => (
            <UploadRow key={item.id} item={item} />
          ))}
        </ul>
      )}
    </section>
  );
}

function DockSummary({ items }: { items: readonly UploadItem[] }) {
  const { t } = useTranslation();
  const active = items.filter((item) => isUnfinished(item.state)).length;
  const failed = items.filter((item) => item.state.phase === "failed").length;
  const parts = [
    ...(active > 0 ? [t("dock.summaryActive", { count: active })] : []),
    ...(failed > 0 ? [t("dock.summaryFailed", { count: failed })] : []),
  ];
  return <p className={classes.summary}>{parts.length === 0 ? t("dock.summaryDone") : parts.join(" · ")}</p>;
}

/** For screen readers: the milestones. A bar that moves every moment would never let them finish a sentence. */
function Announcements({ items }: { items: readonly UploadItem[] }) {
  const { t } = useTranslation();
  return (
    <VisuallyHidden>
      <ul aria-live="polite" aria-relevant="additions text">
        {items.map(({ id, title, state }) => (
          <li key={id}>
            {state.phase === "done"
              ? t("dock.announceDone", { title })
              : state.phase === "failed"
                ? t("dock.announceFailed", { title })
                : t("dock.announceStarted", { title })}
          </li>
        ))}
      </ul>
    </VisuallyHidden>
  );
}
