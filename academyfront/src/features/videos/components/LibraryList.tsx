import type { CSSProperties, ReactNode } from "react";
import { Button, Skeleton, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ProblemView } from "@/shared/ui/ProblemView";
import type { Video } from "../api/types";
import type { VideoFilter } from "../api/videoApi";
import { useLibraryWindow, type LibraryWindow } from "../hooks/useLibraryWindow";
import type { Selection } from "../hooks/useSelection";
import classes from "./LibraryList.module.css";
import { VideoCard } from "./VideoCard";
import { VideoRow } from "./VideoRow";

export const ROW = { lineHeightPixels: 82, columnPixels: null, gapPixels: 8 };
const CARDS = { lineHeightPixels: 292, columnPixels: 264, gapPixels: 20 };
const PHONE_CARDS = { lineHeightPixels: 132, columnPixels: null, gapPixels: 12 };

export type Look = "rows" | "cards" | "phone";

interface LibraryListProps {
  filter: VideoFilter;
  look: Look;
  selection: Selection | null;
  /** Shown instead of an empty list. */
  empty: ReactNode;
}

/** As many videos as there are, of which only those in view exist in the page. */
export function LibraryList({ filter, look, selection, empty }: LibraryListProps) {
  const view = useLibraryWindow({ filter, ...{ rows: ROW, cards: CARDS, phone: PHONE_CARDS }[look] });
  const { measure, lines, columns } = view;
  const draw = (video: Video) =>
    look === "rows" ? (
      <VideoRow video={video} selection={selection} />
    ) : (
      <VideoCard video={video} selection={selection} />
    );
  return (
    <WindowFrame view={view} look={look} selection={selection} empty={empty}>
      {lines.map((line) => (
        <li
          key={line.key}
          ref={measure}
          data-index={line.key}
          className={classes.line}
          data-look={look}
          style={{ transform: `translateY(${line.topPixels}px)`, "--columns": columns } as CSSProperties}
        >
          {line.rows.map((video, offset) =>
            video === null ? (
              <Skeleton key={`row-${line.index + offset}`} radius="lg" className={classes.blank} data-look={look} />
            ) : (
              <div key={video.id} className={classes.cell}>
                {draw(video)}
              </div>
            ),
          )}
        </li>
      ))}
    </WindowFrame>
  );
}

interface WindowFrameProps {
  view: LibraryWindow;
  look: Look;
  selection: Selection | null;
  empty: ReactNode;
  children: ReactNode;
}

/** The list's outer shape, its states, and what is said of its length. */
export function WindowFrame({ view, look, selection, empty, children }: WindowFrameProps) {
  const { t } = useTranslation();
  const { container, heightPixels, isPending } = view;
  if (view.error !== null && view.loaded.length === 0) return <ProblemView error={view.error} onRetry={view.retry} />;
  if (view.isEmpty) return empty;
  return (
    <>
      <div className={classes.summary}>
        <Text size="sm" c="var(--text-soft)" role="status" data-testid="library-count">
          {isPending
            ? t("app.loading")
            : view.isComplete
              ? t("library.count", { count: view.knownRows })
              : t("library.countMore", { count: view.knownRows })}
        </Text>
        {selection !== null && view.loaded.length > 0 && (
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            onClick={() => selection.replace(view.loaded.slice(0, 100))}
            data-testid="select-shown"
          >
            {t("library.selectShown")}
          </Button>
        )}
      </div>
      <ul
        ref={container}
        className={classes.list}
        style={{ height: heightPixels }}
        aria-busy={isPending}
        data-look={look}
        data-testid="library-list"
      >
        {children}
      </ul>
    </>
  );
}
