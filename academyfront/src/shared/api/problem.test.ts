import { describe, expect, it } from "vitest";
import { parseRetryAfter, readHttpProblem } from "./problem";

describe("a refusal", () => {
  it("keeps the server's words and fields", () => {
    const response = new Response(null, { status: 400, headers: { "Retry-After": "7" } });
    const body = { code: "invalid_request", detail: "d", hint: "h", request_id: "r", fields: { title: ["필수"] } };
    expect(readHttpProblem(response, body).facts).toEqual({
      status: 400,
      code: "invalid_request",
      detail: "d",
      hint: "h",
      requestId: "r",
      fields: { title: ["필수"] },
      retryAfterSeconds: 7,
      body,
    });
  });

  it("can be read when it is no JSON of ours", () => {
    const { facts } = readHttpProblem(new Response(null, { status: 502 }), "<html>bad gateway</html>");
    expect(facts).toMatchObject({ status: 502, code: "http_502", detail: "", fields: {} });
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  it.each([
    [null, null],
    ["", null],
    ["5", 5],
    ["-3", 0],
    ["Thu, 01 Jan 2026 00:00:30 GMT", 30],
    ["soon", null],
  ])("%s means %s seconds", (header, seconds) => {
    expect(parseRetryAfter(header, now)).toBe(seconds);
  });
});
