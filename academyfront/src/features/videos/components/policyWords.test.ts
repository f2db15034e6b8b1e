import { describe, expect, it } from "vitest";
import { NO_RULES, sharedPolicy } from "./policyWords";

describe("sharedPolicy", () => {
  const strict = { allow_skip: false, max_speed: 1.5, watermark: true };

  it("is what all ask", () => {
    expect(sharedPolicy([strict, { ...strict }])).toEqual(strict);
  });

  it.each([{ allow_skip: true }, { max_speed: 2 }, { watermark: false }])("is none where they differ: %o", (other) => {
    expect(sharedPolicy([strict, { ...strict, ...other }])).toBeNull();
  });

  it("asks nothing of nobody", () => {
    expect(sharedPolicy([])).toEqual(NO_RULES);
  });
});
