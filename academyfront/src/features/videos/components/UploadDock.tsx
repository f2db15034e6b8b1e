import { Suspense, lazy, useEffect } from "react";
import { VisuallyHidden } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useLocation } from "react-router";
import { loadUploadEngine, useLeaveWarning, useRefreshLibrary, useUploads } from "../hooks/uploads";
import { useOffers, useTakeOver } from "../hooks/useOffers";
import type { UploadItem } from "../upload/uploadQueue";

const DockPanel = lazy(() => import("./DockPanel"));

/** Follows the person through the app for as long as anything is being sent, or waits to be looked at. */
export function UploadDock() {
  const items = useUploads();
  const offers = useOffers();
  useLeaveWarning(items);
  useRefreshLibrary(items);
  useTakeOver(offers);
  useEngineAhead();
  const { pathname } = useLocation();
  // The upload page shows the same list, larger.
  const isShown = (items.length > 0 || offers.length > 0) && pathname !== "/upload";
  return (
    <>
      <Announcements items={items} />
      {isShown && (
        <Suspense>
          <DockPanel items={items} offers={offers} />
        </Suspense>
      )}
    </>
  );
}

/** Once the page stands: a file that is dropped when the network has just gone must still find its sender. */
function useEngineAhead(): void {
  useEffect(() => {
    loadUploadEngine().catch(() => undefined);
  }, []);
}

/** For screen readers: the milestones. A bar that moves every moment would never let them finish a sentence. */
function Announcements({ items }: { items: readonly UploadItem[] }) {
  const { t } = useTranslation();
  const words = ({ title, state: { phase } }: UploadItem): string => {
    if (phase === "done") return t("dock.announceDone", { title });
    if (phase === "failed") return t("dock.announceFailed", { title });
    if (phase === "paused") return t("dock.announcePaused", { title });
    if (phase === "elsewhere") return t("dock.announceElsewhere", { title });
    return t("dock.announceStarted", { title });
  };
  return (
    <VisuallyHidden>
      <ul aria-live="polite" aria-relevant="additions text">
        {items.map((item) => (
          <li key={item.id}>{words(item)}</li>
        ))}
      </ul>
    </VisuallyHidden>
  );
}
