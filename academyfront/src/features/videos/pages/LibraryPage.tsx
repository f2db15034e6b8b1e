import { useState } from "react";
import { ActionIcon, Button, Group, SegmentedControl, Skeleton, Text, TextInput, Title, VisuallyHidden } from "@mantine/core";
import { useDebouncedCallback, useLocalStorage, useMediaQuery } from "@mantine/hooks";
import { IconLayoutGrid, IconList, IconSearch, IconVideo, IconX, IconZoomExclamation } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { useMayWrite } from "@/shared/api/session";
import { ProblemView } from "@/shared/ui/ProblemView";
import { StateView } from "@/shared/ui/StateView";
import type { Video, VideoStatus } from "../api/types";
import type { VideoFilter } from "../api/videoApi";
import { VideoCard } from "../components/VideoCard";
import { VideoRows } from "../components/VideoRows";
import { useVideoList } from "../hooks/useVideos";
import classes from "./LibraryPage.module.css";

const STATUSES: readonly VideoStatus[] = ["READY", "PROCESSING", "UPLOADED", "PENDING", "FAILED", "EXPIRED"];
type View = "grid" | "list";

export default function LibraryPage() {
  const { t } = useTranslation();
  const [filter, setFilter] = useFilter();
  const [view, setView] = useLocalStorage<View>({ key: "academy.library.view", defaultValue: "grid" });
  const videos = useVideoList(filter);
  const found = videos.data?.pages.flatMap((page) => page.results) ?? [];
  const isFiltered = filter.search !== "" || filter.status !== null;

  return (
    <>
      <Title order={1} mb="lg">
        {t("library.title")}
      </Title>
      <div className={classes.controls}>
        <SearchField value={filter.search} onChange={(search) => setFilter({ ...filter, search })} />
        <StatusChips value={filter.status} onChange={(status) => setFilter({ ...filter, status })} />
        <ViewSwitch value={view} onChange={setView} />
      </div>
      {videos.isPending ? (
        <LoadingCards />
      ) : videos.data === undefined ? (
        <ProblemView error={videos.error} onRetry={() => void videos.refetch()} />
      ) : found.length === 0 ? (
        <NothingHere isFiltered={isFiltered} onClear={() => setFilter({ search: "", status: null })} />
      ) : (
        <>
          <VideoCollection videos={found} view={view} />
          <Group justify="center" gap="md" mt="xl" className={classes.footer}>
            <Text size="sm" c="var(--text-soft)" role="status">
              {t("library.count", { count: found.length })}
            </Text>
            {videos.hasNextPage && (
              <Button
                variant="default"
                loading={videos.isFetchingNextPage}
                onClick={() => void videos.fetchNextPage()}
                data-testid="load-more"
              >
                {t("library.more")}
              </Button>
            )}
          </Group>
        </>
      )}
    </>
  );
}

/** The filter lives in the address: it survives a reload, the back button and a shared link. */
function useFilter(): [VideoFilter, (filter: VideoFilter) => void] {
  const [params, setParams] = useSearchParams();
  const status = STATUSES.find((known) => known === params.get("status")) ?? null;
  const filter: VideoFilter = { status, search: params.get("search") ?? "" };
  const change = (next: VideoFilter) =>
    setParams(
      { ...(next.status === null ? {} : { status: next.status }), ...(next.search === "" ? {} : { search: next.search }) },
      { replace: true },
    );
  return [filter, change];
}

function SearchField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(value);
  const [shown, setShown] = useState(value);
  const commit = useDebouncedCallback(onChange, 250);
  if (shown !== value) {
    // Changed from outside: "clear the filters", or the back button.
    setShown(value);
    setDraft(value);
  }
  const change = (next: string) => {
    setDraft(next);
    commit(next.trim());
  };
  return (
    <TextInput
      className={classes.search}
      type="search"
      aria-label={t("library.search")}
      placeholder={t("library.search")}
      leftSection={<IconSearch size={18} aria-hidden />}
      rightSection={
        draft !== "" && (
          <ActionIcon variant="subtle" color="gray" aria-label={t("library.clearSearch")} onClick={() => change("")}>
            <IconX size={16} />
          </ActionIcon>
        )
      }
      value={draft}
      onChange={(event) => change(event.currentTarget.value)}
      data-testid="library-search"
    />
  );
}

function StatusChips({ value, onChange }: { value: VideoStatus | null; onChange: (value: VideoStatus | null) => void }) {
  const { t } = useTranslation();
  return (
    <div className={classes.chips} role="group" aria-label={t("library.filter")}>
      {[null, ...STATUSES].map((status) => (
        <button
          key={status ?? "all"}
          type="button"
          className={classes.chip}
          aria-pressed={value === status}
          onClick={() => onChange(status)}
          data-testid={`filter-${status ?? "all"}`}
        >
          {status === null ? t("library.all") : t(`status.${status}`)}
        </button>
      ))}
    </div>
  );
}

function ViewSwitch({ value, onChange }: { value: View; onChange: (view: View) => void }) {
  const { t } = useTranslation();
  const option = (view: View, Icon: typeof IconList) => ({
    value: view,
    label: (
      <span className={classes.viewIcon} title={t(`library.${view}`)}>
        <Icon size={18} aria-hidden />
        <VisuallyHidden>{t(`library.${view}`)}</VisuallyHidden>
      </span>
    ),
  });
  return (
    <SegmentedControl
      visibleFrom="md"
      aria-label={t("library.view")}
      value={value}
      onChange={(view) => onChange(view === "list" ? "list" : "grid")}
      data={[option("grid", IconLayoutGrid), option("list", IconList)]}
    />
  );
}

function VideoCollection({ videos, view }: { videos: readonly Video[]; view: View }) {
  const isWide = useMediaQuery("(min-width: 62em)", true, { getInitialValueInEffect: false });
  if (view === "list" && isWide) return <VideoRows videos={videos} />;
  return (
    <div className={classes.grid}>
      {videos.map((video) => (
        <VideoCard key={video.id} video={video} />
      ))}
    </div>
  );
}

function LoadingCards() {
  const { t } = useTranslation();
  return (
    <div className={classes.grid} role="status" aria-label={t("app.loading")}>
      {Array.from({ length: 8 }, (_, index) => (
        <Skeleton key={index} radius="lg" className={classes.skeleton} />
      ))}
    </div>
  );
}

function NothingHere({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }) {
  const { t } = useTranslation();
  const mayWrite = useMayWrite();
  if (isFiltered) {
    return (
      <StateView
        testId="library-nothing-found"
        icon={<IconZoomExclamation size={34} />}
        title={t("library.nothingTitle")}
        text={t("library.nothingText")}
        action={
          <Button variant="default" onClick={onClear}>
            {t("library.nothingAction")}
          </Button>
        }
      />
    );
  }
  return (
    <StateView
      testId="library-empty"
      icon={<IconVideo size={36} />}
      title={t("library.emptyTitle")}
      text={mayWrite ? t("library.emptyText") : t("library.emptyViewer")}
      action={
        mayWrite ? (
          <Button component={Link} to="/upload" size="md">
            {t("library.emptyAction")}
          </Button>
        ) : undefined
      }
    />
  );
}
