import { Suspense, lazy, useState } from "react";
import { ActionIcon, Button, NativeSelect, SegmentedControl, Skeleton, TextInput, Title, VisuallyHidden } from "@mantine/core";
import { useDebouncedCallback, useLocalStorage, useMediaQuery } from "@mantine/hooks";
import { IconLayoutGrid, IconList, IconSearch, IconVideo, IconX, IconZoomExclamation } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { useMayWrite } from "@/shared/api/session";
import { StateView } from "@/shared/ui/StateView";
import type { VideoStatus } from "../api/types";
import type { VideoFilter } from "../api/videoApi";
import { LibraryList } from "../components/LibraryList";
import { useSelection, type Selection } from "../hooks/useSelection";
import { useSessions } from "../hooks/useVideos";
import classes from "./LibraryPage.module.css";

const STATUSES: readonly VideoStatus[] = ["READY", "PROCESSING", "UPLOADED", "PENDING", "FAILED", "EXPIRED"];
type View = "grid" | "list";

const EVERYTHING: VideoFilter = { status: null, search: "", session: null };
const BulkBar = lazy(() => import("../components/BulkBar"));
const SessionOrder = lazy(() => import("../components/SessionOrder"));

export default function LibraryPage() {
  const { t } = useTranslation();
  const mayWrite = useMayWrite();
  const [filter, setFilter] = useFilter();
  const [view, setView] = useLocalStorage<View>({ key: "academy.library.view", defaultValue: "grid" });
  const selection = useSelection();
  const marks = mayWrite ? selection : null;
  const change = (next: VideoFilter) => {
    selection.replace([]);
    setFilter(next);
  };

  return (
    <>
      <Title order={1} mb="lg">
        {t("library.title")}
      </Title>
      <div className={classes.controls}>
        <SearchField value={filter.search} onChange={(search) => change({ ...filter, search })} />
        <SessionField value={filter.session} onChange={(session) => change({ ...filter, session })} />
        <StatusChips value={filter.status} onChange={(status) => change({ ...filter, status })} />
        <ViewSwitch value={view} onChange={setView} />
      </div>
      {marks !== null && marks.videos.size > 0 && (
        <Suspense>
          <BulkBar selection={marks} />
        </Suspense>
      )}
      <Collection key={JSON.stringify([filter, view])} filter={filter} view={view} selection={marks} onFilter={change} />
    </>
  );
}

interface CollectionProps {
  filter: VideoFilter;
  view: View;
  selection: Selection | null;
  onFilter: (filter: VideoFilter) => void;
}

function Collection({ filter, view, selection, onFilter }: CollectionProps) {
  const isWide = useMediaQuery("(min-width: 62em)", true, { getInitialValueInEffect: false });
  const isPhone = useMediaQuery("(max-width: 36em)", false, { getInitialValueInEffect: false });
  const { session } = filter;
  const isFiltered = filter.search !== "" || filter.status !== null || session !== null;
  const empty = <NothingHere isFiltered={isFiltered} onClear={() => onFilter(EVERYTHING)} />;
  if (session !== null && selection !== null && filter.search === "" && filter.status === null) {
    return (
      <Suspense fallback={<Skeleton h={400} radius="lg" />}>
        <SessionOrder filter={{ ...filter, session }} selection={selection} empty={empty} />
      </Suspense>
    );
  }
  const look = isPhone ? "phone" : view === "list" && isWide ? "rows" : "cards";
  return <LibraryList key={look} filter={filter} look={look} selection={selection} empty={empty} />;
}

/** The filter lives in the address: it survives a reload, the back button and a shared link. */
function useFilter(): [VideoFilter, (filter: VideoFilter) => void] {
  const [params, setParams] = useSearchParams();
  const status = STATUSES.find((known) => known === params.get("status")) ?? null;
  const filter: VideoFilter = { status, search: params.get("search") ?? "", session: params.get("session") };
  const change = (next: VideoFilter) =>
    setParams(
      {
        ...(next.status === null ? {} : { status: next.status }),
        ...(next.search === "" ? {} : { search: next.search }),
        ...(next.session === null ? {} : { session: next.session }),
      },
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

const ALL = "all";
const named = (session: string) => `=${session}`;

function SessionField({ value, onChange }: { value: string | null; onChange: (value: string | null) => void }) {
  const { t } = useTranslation();
  const known = useSessions().data ?? [];
  const shown = value === null || known.some(({ session }) => session === value) ? known : [...known, { session: value, video_count: 0 }];
  return (
    <NativeSelect
      className={classes.session}
      aria-label={t("library.sessions")}
      value={value === null ? ALL : named(value)}
      onChange={({ currentTarget }) => onChange(currentTarget.value === ALL ? null : currentTarget.value.slice(1))}
      data-testid="library-session"
    >
      <option value={ALL}>{t("library.allSessions")}</option>
      {shown.map(({ session, video_count: count }) => (
        <option key={session} value={named(session)}>
          {t("library.sessionCount", { session: session === "" ? t("video.noSession") : session, count })}
        </option>
      ))}
    </NativeSelect>
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
      className={classes.view}
      visibleFrom="md"
      aria-label={t("library.view")}
      value={value}
      onChange={(view) => onChange(view === "list" ? "list" : "grid")}
      data={[option("grid", IconLayoutGrid), option("list", IconList)]}
    />
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
