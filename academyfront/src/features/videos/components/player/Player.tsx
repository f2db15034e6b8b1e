import { useCallback, useMemo, useRef, useState } from "react";
import { Button, Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useAccountName, useMayWrite } from "@/shared/api/session";
import { problemWords } from "@/shared/ui/problemWords";
import type { PlaybackPolicy } from "../../api/types";
import { videoApi } from "../../api/videoApi";
import classes from "./Player.module.css";
import { Screen, type StartPoint } from "./Screen";
import type { PlaybackFault } from "./useHls";
import { resumeSeconds, watchMemory } from "./watchMemory";

interface PlayerProps {
  videoId: number;
  title: string;
  posterUrl: string | null;
}

const MIN_RENEWAL_INTERVAL_MS = 30_000;

/** Gets the right to play, plays, and gets it anew when it has run out in the middle of a lecture. */
export default function Player({ videoId, title, posterUrl }: PlayerProps) {
  const { t } = useTranslation();
  const account = useAccountName();
  const mayWrite = useMayWrite();
  const memory = useMemo(() => watchMemory(window.localStorage, account, videoId), [account, videoId]);
  const [start, setStart] = useState<StartPoint>(() => ({ seconds: resumeSeconds(memory.read()), isPlaying: false }));
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
      policy={mayWrite ? withoutLimits(playback.data.policy) : playback.data.policy}
      memory={memory}
      title={title}
      posterUrl={playback.data.thumbnail_url ?? posterUrl}
      start={start}
      onFault={onFault}
    />
  );
}

/** Who may change the rules is not held to them; that a recording bears a name holds for everyone. */
function withoutLimits(policy: PlaybackPolicy): PlaybackPolicy {
  return { ...policy, allow_skip: true, max_speed: Infinity };
}
