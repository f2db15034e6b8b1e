import { useState, type CSSProperties, type PointerEvent, type RefObject } from "react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { formatClock } from "@/shared/i18n/format";
import { readStoryboard, tileAtSecond } from "../../api/storyboard";
import { StoryboardTile } from "../StoryboardTile";
import classes from "./Player.module.css";
import { seekTo } from "./playerKeys";
import type { MediaState } from "./useMediaState";

const THUMB_PIXELS = 14;

interface SeekBarProps {
  video: RefObject<HTMLVideoElement | null>;
  media: MediaState;
  storyboardUrl: string | null;
}

/** Where one is, how much is loaded, and what is to be seen where the pointer is. */
export function SeekBar({ video, media, storyboardUrl }: SeekBarProps) {
  const { t } = useTranslation();
  const { currentSeconds, durationSeconds, bufferedSeconds } = media;
  const [pointed, setPointed] = useState<number | null>(null);
  const share = (seconds: number) => (durationSeconds > 0 ? `${(seconds / durationSeconds) * 100}%` : "0%");
  const style = { "--played": share(currentSeconds), "--buffered": share(bufferedSeconds) } as CSSProperties;
  return (
    <div className={classes.seekArea}>
      {pointed !== null && durationSeconds > 0 && (
        <SeekPreview share={pointed} seconds={pointed * durationSeconds} storyboardUrl={storyboardUrl} />
      )}
      <input
        type="range"
        className={classes.seek}
        style={style}
        min={0}
        max={durationSeconds}
        step={0.1}
        value={currentSeconds}
        aria-label={t("player.seek")}
        aria-valuetext={t("player.position", {
          current: formatClock(currentSeconds),
          total: formatClock(durationSeconds),
        })}
        data-testid="seek-bar"
        onPointerMove={(event) => setPointed(shareAt(event))}
        onPointerLeave={() => setPointed(null)}
        onPointerCancel={() => setPointed(null)}
        onChange={(event) => {
          if (video.current !== null) seekTo(video.current, Number(event.currentTarget.value));
        }}
        onKeyDown={(event) => {
          // A step of 0.1 s is right for the pointer, not for an arrow key.
          const seconds = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
          if (seconds === undefined || video.current === null) return;
          event.preventDefault();
          seekTo(video.current, video.current.currentTime + seconds);
        }}
      />
    </div>
  );
}

/** The thumb's middle never reaches the bar's ends; a click maps the same way. */
function shareAt({ clientX, currentTarget }: PointerEvent<HTMLInputElement>): number {
  const { left, width } = currentTarget.getBoundingClientRect();
  return Math.min(1, Math.max(0, (clientX - left - THUMB_PIXELS / 2) / (width - THUMB_PIXELS)));
}

function SeekPreview({ share, seconds, storyboardUrl }: { share: number; seconds: number; storyboardUrl: string | null }) {
  const tiles = useQuery({
    queryKey: ["storyboard", storyboardUrl],
    queryFn: ({ signal }) => readStoryboard(storyboardUrl, signal),
    staleTime: Infinity,
    retry: false,
  });
  const tile = tileAtSecond(tiles.data ?? [], seconds);
  return (
    <div className={classes.preview} style={{ "--at": share } as CSSProperties} data-testid="seek-preview" aria-hidden>
      {tile !== null && (
        <div className={classes.previewPicture}>
          <StoryboardTile tile={tile} />
        </div>
      )}
      <span className={classes.previewClock}>{formatClock(seconds)}</span>
    </div>
  );
}
