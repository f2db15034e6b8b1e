import { describe, expect, it } from "vitest";
import { PAGE_ROWS, UNREAD, learnPage, pagesOf, rowCount } from "./pageChain";
import type { Video } from "./types";

const page = (rows: number, cursor: string | null) => ({
  results: Array.from({ length: rows }, () => ({}) as Video),
  next: cursor === null ? null : `http://api.invalid/?cursor=${cursor}&page_size=60`,
});

describe("learnPage", () => {
  it("learns the pages one after the other", () => {
    const one = learnPage(UNREAD, 0, page(PAGE_ROWS, "b"));
    const two = learnPage(one, 1, page(PAGE_ROWS, "c"));
    expect(two).toEqual({ cursors: [null, "b", "c"], lastPageRows: null });
    expect(learnPage(two, 2, page(7, null))).toEqual({ cursors: [null, "b", "c"], lastPageRows: 7 });
  });

  it("is the same object when there is nothing new, so that nothing is drawn again", () => {
    const one = learnPage(UNREAD, 0, page(PAGE_ROWS, "b"));
    const all = learnPage(one, 1, page(3, null));
    expect(learnPage(one, 0, page(PAGE_ROWS, "b"))).toBe(one);
    expect(learnPage(all, 1, page(3, null))).toBe(all);
    expect(learnPage(all, 0, page(PAGE_ROWS, "b"))).toBe(all);
  });

  it("keeps the later pages when one of the first has moved on", () => {
    const known = { cursors: [null, "b", "c", "d"], lastPageRows: 4 };
    expect(learnPage(known, 0, page(PAGE_ROWS, "b2"))).toEqual({ cursors: [null, "b2", "c", "d"], lastPageRows: 4 });
  });

  it("forgets pages that are no more", () => {
    const known = { cursors: [null, "b", "c"], lastPageRows: 4 };
    expect(learnPage(known, 0, page(20, null))).toEqual({ cursors: [null], lastPageRows: 20 });
  });

  it("finds out that the last page is the last no more", () => {
    const known = { cursors: [null], lastPageRows: PAGE_ROWS };
    expect(learnPage(known, 0, page(PAGE_ROWS, "b"))).toEqual({ cursors: [null, "b"], lastPageRows: null });
  });
});

describe("rowCount and pagesOf", () => {
  it("counts a page that was not read as a full one", () => {
    expect(rowCount(UNREAD)).toBe(60);
    expect(rowCount({ cursors: [null, "b"], lastPageRows: null })).toBe(120);
    expect(rowCount({ cursors: [null, "b"], lastPageRows: 0 })).toBe(60);
  });

  it("names the pages in view and the one after", () => {
    const chain = { cursors: [null, "b", "c", "d"], lastPageRows: null };
    expect(pagesOf(chain, 0, 20)).toEqual([0, 1]);
    expect(pagesOf(chain, 50, 130)).toEqual([0, 1, 2, 3]);
    expect(pagesOf(chain, 200, 220)).toEqual([3]);
    expect(pagesOf(UNREAD, 0, 20)).toEqual([0]);
  });
});
