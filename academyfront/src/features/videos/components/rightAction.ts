import type { NextStep, VideoAction, Why } from "../api/types";

const ACTION_OF_STEP: Partial<Record<NextStep, VideoAction>> = {
  upload_the_file: "refresh_url",
  reconciler_completes: "complete",
  press_retry: "retry",
};

/** The one button that helps now, if any: what the next step asks for and the server would accept. */
export function rightAction(why: Pick<Why, "next_step_code" | "allowed_actions"> | undefined): VideoAction | null {
  const action = why === undefined ? undefined : ACTION_OF_STEP[why.next_step_code];
  return action !== undefined && why?.allowed_actions.includes(action) === true ? action : null;
}
