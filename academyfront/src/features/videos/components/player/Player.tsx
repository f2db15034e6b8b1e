import { useCallback, useRef, useState } from "react";
import { Button, Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconAlertTriangle, IconPlayerPlayFilled } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { problemWords } from "@/shared/ui/problemWords";
import type { Playback } from "../../api/types";
import { videoApi } from "../../api/videoApi";
import classes from "./Player.module.css";
import { PlayerControls } from "./PlayerControls";
import { togglePlay } from "./playerKeys";
import { useAutoHide } from "./useAutoHide";
import { useFullscreen } from "./useFullscreen";
import { useHls, type PlaybackFault } from "./useHls";
import { useMediaState } from "./useMediaState";
import { usePlayerKeyboard } from "./usePlayerKeyboard";

interface PlayerProps {
  videoId: number;
  title: string;
  posterUrl: string | null;
}

/** Where to go on after the stream had to be opened anew. */
interface StartPoint {
  seconds: number;
  isPlaying: boolean;
}

const MIN_RENEWAL_INTERVAL_MS = 30_000;

/** Gets the right to play, plays, and gets it anew when it has run out in the middle of a lecture. */
export default function Player({ videoId, title, posterUrl }: PlayerProps) {
  const { t } = useTranslation();
  const [start, setStart] = useState<StartPoint>({ seconds: 0, isPlaying: false });
  const [fault, setFault] = useState<PlaybackFault | null>(null);
  const renewedAtMs = useRef(-Infinity);
  const playback = useQuery({
    queryKey: ["playback", videoId],
    queryFn: ({ signal }) => videoApi.playback(videoId, signal),
    // The token lives for hours; only the player notices that it has expired.
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  const { refetch } = playback;

  const restart = useCallback(
    () => {
      setFault(null);
      void refetch();
    },
    [refetch],
  );
  const onFault = useCallback(
    (kind: PlaybackFault, at: StartPoint) => {
      setStart(at);
      // A fresh address that fails at once was not what was missing.
      const mayRenew = kind === "expired" && performance.now() - renewedAtMs.current > MIN_RENEWAL_INTERVAL_MS;
      if (!mayRenew) {
        setFault(kind);
        return;
      }
      renewedAtMs.current = performance.now();
      restart();
    },
    [restart],
  );

  if (fault !== null || playback.isError) {
    const words = playback.isError ? problemWords(playback.error, t) : null;
    const text = fault === "unsupported" ? t("player.unsupported") : t("player.failedText");
    return (
      <div className={classes.frame} data-testid="player-problem" role="alert">
        <div className={classes.problem}>
          <IconAlertTriangle size={36} aria-hidden />
          <strong>{words?.detail ?? t("player.failed")}</strong>
          <span>{words?.hint ?? text}</span>
          {fault !== "unsupported" && (
            <Button variant="white" color="dark" mt="sm" onClick={restart}>
              {t("problem.again")}
            </Button>
          )}
        </div>
      </div>
    );
  }
  if (playback.data === undefined || playback.isFetching) {
    return (
      <div className={classes.frame} role="status" aria-label={t("player.loading")}>
        <Loader color="gray" />
      </div>
    );
  }
  return (
    <Screen
      key={playback.dataUpdatedAt}
      playback={playback.data}
      title={title}
      posterUrl={playback.data.thumbnail_url ?? posterUrl}
      start={start}
      onFault={onFault}
    />
  );
}

interface ScreenProps {
  playback: Playback;
  title: string;
  posterUrl: string | null;
  start: StartPoint;
  onFault: (fault: PlaybackFault, at: StartPoint) => void;
}

function Screen({ playback, title, posterUrl, start, onFault }: ScreenProps) {
  const { t } = useTranslation();
  const frame = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const reportFault = useCallback(
    (fault: PlaybackFault) => {
      const element = video.current;
      onFault(fault, { seconds: element?.currentTime ?? 0, isPlaying: element?.paused === false });
    },
    [onFault],
  );
  const hls = useHls({ video, masterUrl: playback.master_url, startSeconds: start.seconds, onFault: reportFault });
  const media = useMediaState(video);
  const fullscreen = useFullscreen(frame, video);
  const isHidden = useAutoHide(frame, media.isPlaying);
  usePlayerKeyboard(video, fullscreen.toggle);
  const toggle = () => {
    if (video.current !== null) togglePlay(video.current);
  };
  const isUntouched = !media.isPlaying && media.currentSeconds === 0;

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
        {...(posterUrl === null ? {} : { poster: posterUrl })}
        onClick={toggle}
        onDoubleClick={fullscreen.toggle}
        data-testid="video-element"
      />
      {media.isWaiting && <Loader color="white" className={classes.buffering} />}
      {isUntouched && (
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
      <PlayerControls video={video} media={media} hls={hls} fullscreen={fullscreen} />
    </div>
  );
}
