import { describe, expect, it } from "vitest";
import { rightAction } from "./rightAction";

describe("rightAction", () => {
  it("is what the next step asks for", () => {
    expect(rightAction({ next_step_code: "press_retry", allowed_actions: ["retry", "delete"] })).toBe("retry");
    expect(rightAction({ next_step_code: "upload_the_file", allowed_actions: ["complete", "refresh_url"] })).toBe(
      "refresh_url",
    );
    expect(rightAction({ next_step_code: "reconciler_completes", allowed_actions: ["complete"] })).toBe("complete");
  });

  it("is nothing that the server would refuse", () => {
    expect(rightAction({ next_step_code: "press_retry", allowed_actions: ["delete"] })).toBeNull();
  });

  it("is nothing while things go on by themselves or nothing is known yet", () => {
    expect(rightAction({ next_step_code: "worker_finishes", allowed_actions: ["cancel", "delete"] })).toBeNull();
    expect(rightAction(undefined)).toBeNull();
  });
});
