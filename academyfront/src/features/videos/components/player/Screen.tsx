import { useCallback, useRef, useState } from "react";
import { Loader } from "@mantine/core";
import { IconPlayerPlayFilled } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { formatClock } from "@/shared/i18n/format";
import type { Playback, PlaybackPolicy } from "../../api/types";
import classes from "./Player.module.css";
import { PlayerControls } from "./PlayerControls";
import { seekTo, togglePlay } from "./playerKeys";
import { useAutoHide } from "./useAutoHide";
import { useFullscreen } from "./useFullscreen";
import { useHls, type PlaybackFault } from "./useHls";
import { useMediaState } from "./useMediaState";
import { usePlayerKeyboard } from "./usePlayerKeyboard";
import { useWatching } from "./useWatching";
import { Watermark } from "./Watermark";
import type { WatchMemory } from "./watchMemory";

const RESUME_SHOWN_SECONDS = 6;

/** Where to begin: at what was watched before, or where the stream had to be opened anew. */
export interface StartPoint {
  seconds: number;
  isPlaying: boolean;
}

interface ScreenProps {
  playback: Playback;
  /** What this viewer is held to. */
  policy: PlaybackPolicy;
  memory: WatchMemory;
  title: string;
  posterUrl: string | null;
  start: StartPoint;
  onFault: (fault: PlaybackFault, at: StartPoint) => void;
}

/** The picture and everything that lies over it. */
export function Screen({ playback, policy, memory, title, posterUrl, start, onFault }: ScreenProps) {
  const { t } = useTranslation();
  const frame = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [hasBegun, setBegun] = useState(start.isPlaying);
  const reportFault = useCallback(
    (fault: PlaybackFault) => {
      const element = video.current;
      onFault(fault, { seconds: element?.currentTime ?? 0, isPlaying: element?.paused === false });
    },
    [onFault],
  );
  const hls = useHls({ video, masterUrl: playback.master_url, startSeconds: start.seconds, onFault: reportFault });
  const media = useMediaState(video);
  const fullscreen = useFullscreen(frame, video, !policy.watermark);
  const isHidden = useAutoHide(frame, media.isPlaying);
  const wasRefused = useWatching(video, memory, policy);
  usePlayerKeyboard(video, fullscreen.toggle);
  const toggle = () => {
    if (video.current !== null) togglePlay(video.current);
  };

  return (
    <div
      ref={frame}
      className={classes.frame}
      role="group"
      aria-label={t("player.label", { title })}
      data-hidden={isHidden || undefined}
      data-testid="player"
    >
      {/* Captions come with the stream when there are any; there is no separate file to point to. */}
      {/* eslint-disable-next-line jsx-a11y/media-has-caption */}
      <video
        ref={video}
        className={classes.video}
        playsInline
        preload="metadata"
        autoPlay={start.isPlaying}
        disablePictureInPicture={policy.watermark}
        {...(posterUrl === null ? {} : { poster: posterUrl })}
        onPlay={() => setBegun(true)}
        onClick={toggle}
        onDoubleClick={fullscreen.toggle}
        data-testid="video-element"
      />
      {policy.watermark && <Watermark />}
      {media.isWaiting && <Loader color="white" className={classes.buffering} />}
      {!hasBegun && (
        <button
          type="button"
          className={classes.bigPlay}
          aria-label={t("player.play")}
          onClick={toggle}
          data-testid="play-button"
        >
          <IconPlayerPlayFilled size={34} aria-hidden />
        </button>
      )}
      <Notice
        wasRefused={wasRefused}
        resumedAt={!start.isPlaying && isNear(media.currentSeconds, start.seconds) ? start.seconds : 0}
        onRestart={() => {
          if (video.current !== null) seekTo(video.current, 0);
        }}
      />
      <PlayerControls
        video={video}
        media={media}
        hls={hls}
        fullscreen={fullscreen}
        storyboardUrl={playback.storyboard_url}
        maxSpeed={policy.max_speed}
        allowsBarePicture={!policy.watermark}
      />
    </div>
  );
}

function isNear(currentSeconds: number, startSeconds: number): boolean {
  return currentSeconds > startSeconds - 1 && currentSeconds < startSeconds + RESUME_SHOWN_SECONDS;
}

interface NoticeProps {
  wasRefused: boolean;
  /** 0: it began at its beginning. */
  resumedAt: number;
  onRestart: () => void;
}

function Notice({ wasRefused, resumedAt, onRestart }: NoticeProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.notice} role="status" data-testid="player-notice">
      {wasRefused && <span>{t("player.noSkip")}</span>}
      {!wasRefused && resumedAt > 0 && (
        <>
          <span>{t("player.resumed", { clock: formatClock(resumedAt) })}</span>
          <button type="button" className={classes.noticeButton} onClick={onRestart} data-testid="from-start">
            {t("player.fromStart")}
          </button>
        </>
      )}
    </div>
  );
}
