import { useState } from "react";

export interface Selection {
  ids: ReadonlySet<number>;
  toggle: (id: number) => void;
  replace: (ids: Iterable<number>) => void;
}

/** Which videos are marked for something to be done with all of them. */
export function useSelection(): Selection {
  const [ids, setIds] = useState<ReadonlySet<number>>(new Set());
  return {
    ids,
    toggle: (id) =>
      setIds((known) => {
        const next = new Set(known);
        if (!next.delete(id)) next.add(id);
        return next;
      }),
    replace: (next) => setIds(new Set(next)),
  };
}
