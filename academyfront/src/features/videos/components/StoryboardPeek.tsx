import { useQuery } from "@tanstack/react-query";
import { formatClock } from "@/shared/i18n/format";
import { tileAt } from "../api/storyboard";
import { videoApi } from "../api/videoApi";
import classes from "./StoryboardPeek.module.css";
import { StoryboardTile } from "./StoryboardTile";

/** The picture at a share of the way through, over the thumbnail. Until it is there the thumbnail stays. */
export default function StoryboardPeek({ videoId, share }: { videoId: number; share: number }) {
  const tiles = useQuery({
    queryKey: ["storyboard", videoId],
    queryFn: ({ signal }) => videoApi.storyboard(videoId, signal),
    // The pictures' addresses are signed for a while only.
    staleTime: 10 * 60_000,
    gcTime: 10 * 60_000,
    retry: false,
  });
  const tile = tileAt(tiles.data ?? [], share);
  if (tile === null) return null;
  return (
    <div className={classes.peek} data-testid="storyboard-peek" aria-hidden>
      <StoryboardTile tile={tile} />
      <span className={classes.bar} style={{ width: `${share * 100}%` }} />
      <span className={classes.clock}>{formatClock(tile.startSeconds)}</span>
    </div>
  );
}
