import { useCallback, useState } from "react";
import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { PAGE_ROWS, UNREAD, learnPage, pagesOf, rowCount, type PageChain } from "../api/pageChain";
import type { Video } from "../api/types";
import type { VideoFilter } from "../api/videoApi";
import { libraryPage, useEventsAreLive } from "./useVideos";

export interface WindowLine {
  key: number;
  /** Of its first row. */
  index: number;
  topPixels: number;
  rows: readonly (Video | null)[];
}

export interface LibraryWindow {
  lines: readonly WindowLine[];
  heightPixels: number;
  columns: number;
  measure: (element: HTMLElement | null) => void;
  container: (element: HTMLElement | null) => (() => void) | undefined;
  isPending: boolean;
  isEmpty: boolean;
  error: unknown;
  retry: () => void;
  /** How many rows there are at least, and whether that is all. */
  knownRows: number;
  isComplete: boolean;
  /** The rows that are loaded without a gap, in their order. */
  loaded: readonly Video[];
  /** What comes after the last of them; null at the end of the list. */
  readAfterLoaded: () => Promise<Video | null>;
  /** Show the loaded rows in another order until the server has confirmed it. */
  showInstead: (rows: readonly Video[]) => void;
}

interface Options {
  filter: VideoFilter;
  lineHeightPixels: number;
  /** The least width of a column; null for one column. */
  columnPixels: number | null;
  gapPixels: number;
}

/**
 * The part of a list of any length that is in view. Pages come and go with the view: a list of 100,000 costs what the
 * screen costs, in the page and on the wire.
 *
 * Mount it anew (`key`) for another filter.
 */
export function useLibraryWindow({ filter, lineHeightPixels, columnPixels, gapPixels }: Options): LibraryWindow {
  const [chain, setChain] = useState<PageChain>(UNREAD);
  const client = useQueryClient();
  const live = useEventsAreLive();
  const { box, container } = useBox();
  const columns = columnPixels === null ? 1 : columnsIn(box.widthPixels, columnPixels, gapPixels);

  const rows = rowCount(chain);
  const virtualizer = useWindowVirtualizer({
    count: Math.ceil(rows / columns),
    estimateSize: () => lineHeightPixels,
    gap: gapPixels,
    overscan: 4,
    scrollMargin: box.topPixels,
  });
  const items = virtualizer.getVirtualItems();
  const first = (items[0]?.index ?? 0) * columns;
  const last = ((items.at(-1)?.index ?? 0) + 1) * columns - 1;
  const numbers = pagesOf(chain, first, last);
  const pages = useQueries({ queries: numbers.map((number) => libraryPage(filter, chain.cursors[number] ?? null, live)) });

  const learned = pages.reduce((known, page, index) => {
    const number = numbers[index] ?? 0;
    return page.data === undefined || number >= known.cursors.length ? known : learnPage(known, number, page.data);
  }, chain);
  if (learned !== chain) setChain(learned);

  const rowAt = (index: number) => {
    const page = pages[numbers.indexOf(Math.floor(index / PAGE_ROWS))];
    return page?.data?.results[index % PAGE_ROWS] ?? null;
  };
  const gap = pages.findIndex(({ data }) => data === undefined);
  const whole = gap === -1 ? pages : pages.slice(0, gap);
  const readAfterLoaded = async () => {
    const number = (numbers[0] ?? 0) + whole.length;
    if (number >= chain.cursors.length) return null;
    const page = await client.query(libraryPage(filter, chain.cursors[number] ?? null, live));
    return page.results[0] ?? null;
  };
  const failed = pages.find((page) => page.isError && page.data === undefined);
  return {
    lines: items.map((item) => {
      const index = item.index * columns;
      const length = Math.max(0, Math.min(columns, rows - index));
      return {
        key: Number(item.key),
        index,
        topPixels: item.start - box.topPixels,
        rows: Array.from({ length }, (_, offset) => rowAt(index + offset)),
      };
    }),
    heightPixels: virtualizer.getTotalSize(),
    columns,
    measure: virtualizer.measureElement,
    container,
    isPending: chain === UNREAD && pages[0]?.isPending === true,
    isEmpty: chain.cursors.length === 1 && chain.lastPageRows === 0,
    error: failed?.error ?? null,
    retry: () => void failed?.refetch(),
    knownRows: chain.lastPageRows === null ? rows - PAGE_ROWS : rows,
    isComplete: chain.lastPageRows !== null,
    loaded: whole.flatMap((page) => page.data?.results ?? []),
    readAfterLoaded,
    showInstead: (shown) => {
      let taken = 0;
      for (const number of numbers) {
        client.setQueryData(libraryPage(filter, chain.cursors[number] ?? null, live).queryKey, (page) => {
          if (page === undefined) return page;
          const results = shown.slice(taken, taken + page.results.length);
          taken += results.length;
          return { ...page, results };
        });
      }
    },
  };
}

/** How many columns of at least this width fit. */
function columnsIn(widthPixels: number, columnPixels: number, gapPixels: number): number {
  return Math.max(1, Math.floor((widthPixels + gapPixels) / (columnPixels + gapPixels)));
}

interface Box {
  widthPixels: number;
  /** From the top of the page, however far that is scrolled. */
  topPixels: number;
}

function useBox() {
  const [box, setBox] = useState<Box>({ widthPixels: 0, topPixels: 0 });
  const container = useCallback((element: HTMLElement | null) => {
    if (element === null) return undefined;
    const read = () => {
      const seen = element.getBoundingClientRect();
      const next = { widthPixels: seen.width, topPixels: Math.round(seen.top + window.scrollY) };
      setBox((known) =>
        known.widthPixels === next.widthPixels && known.topPixels === next.topPixels ? known : next,
      );
    };
    const observer = new ResizeObserver(read);
    observer.observe(element);
    read();
    return () => observer.disconnect();
  }, []);
  return { box, container };
}
