type Listener = () => void;

const listeners = new Set<Listener>();
let live = false;

/** Whether the server tells this page what happens; kept outside of React because there is one stream per page. */
export const liveness = {
  get: (): boolean => live,
  set: (isLive: boolean): void => {
    live = isLive;
    listeners.forEach((listener) => listener());
  },
  subscribe: (listener: Listener): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
