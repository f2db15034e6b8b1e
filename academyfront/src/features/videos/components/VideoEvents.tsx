import { useVideoEvents } from "../hooks/useVideoEvents";

/** Shows nothing: keeps what is shown elsewhere up to date. */
export function VideoEvents(): null {
  useVideoEvents();
  return null;
}
