import { afterEach, describe, expect, it, vi } from "vitest";
import { newTraceparent } from "./traceparent";

describe("a new trace", () => {
  afterEach(() => vi.restoreAllMocks());

  it("is one that W3C Trace Context knows, and another one every time", () => {
    const made = Array.from({ length: 50 }, newTraceparent);
    for (const traceparent of made) expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(new Set(made.map((traceparent) => traceparent.slice(3, 35))).size).toBe(50);
  });

  it("is never zero, which would mean none", () => {
    const draw = vi.spyOn(crypto, "getRandomValues");
    draw.mockImplementationOnce((bytes) => bytes);
    const [, traceId] = newTraceparent().split("-");
    expect(traceId).not.toBe("0".repeat(32));
    expect(draw).toHaveBeenCalledTimes(3);
  });
});
