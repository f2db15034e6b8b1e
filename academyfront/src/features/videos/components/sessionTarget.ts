import {
  closestCenter,
  pointerWithin,
  type CollisionDetection,
  type DroppableContainer,
  type UniqueIdentifier,
} from "@dnd-kit/core";

const PREFIX = "session:";

export const targetOfSession = (session: string): string => PREFIX + session;

/** The session that a drop target stands for; null for a row, which has a number. */
export function sessionOfTarget(id: UniqueIdentifier): string | null {
  return typeof id === "string" && id.startsWith(PREFIX) ? id.slice(PREFIX.length) : null;
}

/** Another session only where the pointer is on it; everywhere else the nearest row, as for the keyboard. */
export const targetsBeforeRows: CollisionDetection = (drag) => {
  const isTarget = ({ id }: DroppableContainer) => sessionOfTarget(id) !== null;
  const hits = pointerWithin({ ...drag, droppableContainers: drag.droppableContainers.filter(isTarget) });
  if (hits.length > 0) return hits;
  return closestCenter({ ...drag, droppableContainers: drag.droppableContainers.filter((one) => !isTarget(one)) });
};
