/** How many parts are sent at a time: fewer on a bad line, more again once it has proved itself. Pure. */
export interface LaneControl {
  lanes: number;
  /** Setbacks since the line last proved itself. */
  setbacks: number;
  /** Parts that arrived since the last setback or change. */
  arrived: number;
}

const MAX_LANES = 4;
/** One setback is a passing tunnel; the second in a row says that the line cannot carry so much. */
const SETBACKS_TO_NARROW = 2;
const ARRIVALS_A_LANE = 2;

export const allLanes: LaneControl = { lanes: MAX_LANES, setbacks: 0, arrived: 0 };

/** Lanes that fail together, because the network went, are one setback. */
export function afterSetback({ lanes, setbacks }: LaneControl): LaneControl {
  if (setbacks + 1 < SETBACKS_TO_NARROW) return { lanes, setbacks: setbacks + 1, arrived: 0 };
  return { lanes: Math.max(1, Math.floor(lanes / 2)), setbacks: 0, arrived: 0 };
}

export function afterArrival({ lanes, setbacks, arrived }: LaneControl): LaneControl {
  if (arrived + 1 < lanes * ARRIVALS_A_LANE) return { lanes, setbacks, arrived: arrived + 1 };
  return { lanes: Math.min(MAX_LANES, lanes + 1), setbacks: 0, arrived: 0 };
}
