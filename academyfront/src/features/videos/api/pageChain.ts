/**
 * Where the pages of a long list begin. Each page names the cursor of the next one, so pages are learned in order; once
 * learned, any of them can be asked for by itself, and only those in view have to be.
 */
import type { VideoPage } from "./types";
import { cursorOf } from "./cursor";

export interface PageChain {
  /** What page n begins with; page 0 begins at the beginning. */
  readonly cursors: readonly (string | null)[];
  /** How many rows the last page has, once it is known. */
  readonly lastPageRows: number | null;
}

export const PAGE_ROWS = 60;
export const UNREAD: PageChain = { cursors: [null], lastPageRows: null };

/** What is known after page `number` was read; the same object when that is nothing new. */
export function learnPage(chain: PageChain, number: number, page: Pick<VideoPage, "next" | "results">): PageChain {
  const next = cursorOf(page.next);
  if (next === null) {
    const isKnown = chain.cursors.length === number + 1 && chain.lastPageRows === page.results.length;
    return isKnown ? chain : { cursors: chain.cursors.slice(0, number + 1), lastPageRows: page.results.length };
  }
  if (chain.cursors[number + 1] === next) return chain;
  const isNewEnd = number + 1 >= chain.cursors.length;
  return {
    // Pages after the next one keep their beginnings: they correct themselves when they come into view.
    cursors: [...chain.cursors.slice(0, number + 1), next, ...chain.cursors.slice(number + 2)],
    lastPageRows: isNewEnd ? null : chain.lastPageRows,
  };
}

/** How many rows the list is long, as far as is known: a page that was not read yet counts as a full one. */
export function rowCount({ cursors, lastPageRows }: PageChain): number {
  return (cursors.length - 1) * PAGE_ROWS + (lastPageRows ?? PAGE_ROWS);
}

/** The numbers of the known pages that hold rows `first` to `last`, and of the one after, which will be wanted next. */
export function pagesOf(chain: PageChain, first: number, last: number): number[] {
  const from = Math.floor(Math.max(0, first) / PAGE_ROWS);
  const to = Math.min(Math.floor(Math.max(0, last) / PAGE_ROWS) + 1, chain.cursors.length - 1);
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}
