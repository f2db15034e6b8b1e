import type { CSSProperties, ReactNode, RefObject } from "react";
import { Menu } from "@mantine/core";
import {
  IconAdjustmentsHorizontal,
  IconBrandSpeedtest,
  IconMaximize,
  IconMinimize,
  IconPictureInPicture,
  IconPlayerPauseFilled,
  IconPlayerPlayFilled,
  IconVolume,
  IconVolumeOff,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { formatClock } from "@/shared/i18n/format";
import classes from "./Player.module.css";
import { seekTo, setVolume, toggleMute, togglePlay } from "./playerKeys";
import type { Fullscreen } from "./useFullscreen";
import type { HlsState } from "./useHls";
import type { MediaState } from "./useMediaState";

const AUTO = "auto";
const RATES = [0.75, 1, 1.25, 1.5, 1.75, 2] as const;

interface PlayerControlsProps {
  video: RefObject<HTMLVideoElement | null>;
  media: MediaState;
  hls: HlsState;
  fullscreen: Fullscreen;
}

export function PlayerControls({ video, media, hls, fullscreen }: PlayerControlsProps) {
  const { t } = useTranslation();
  const act = (change: (element: HTMLVideoElement) => void) => () => {
    if (video.current !== null) change(video.current);
  };
  return (
    <div className={classes.controls}>
      <SeekBar video={video} media={media} />
      <div className={classes.buttons}>
        <ControlButton
          label={media.isPlaying ? t("player.pause") : t("player.play")}
          testId="play-toggle"
          onClick={act(togglePlay)}
        >
          {media.isPlaying ? <IconPlayerPauseFilled size={22} /> : <IconPlayerPlayFilled size={22} />}
        </ControlButton>
        <VolumeControl video={video} media={media} />
        <span className={classes.time}>
          {formatClock(media.currentSeconds)}
          <span className={classes.total}> / {formatClock(media.durationSeconds)}</span>
        </span>
        <span className={classes.gap} />
        <RateMenu rate={media.rate} onChoose={(rate) => act((element) => (element.playbackRate = rate))()} />
        {hls.levels.length > 1 && <QualityMenu hls={hls} />}
        {document.pictureInPictureEnabled && (
          <ControlButton
            label={t("player.pictureInPicture")}
            onClick={act((element) => void element.requestPictureInPicture().catch(() => undefined))}
            isExtra
          >
            <IconPictureInPicture size={22} stroke={1.7} />
          </ControlButton>
        )}
        <ControlButton
          label={fullscreen.isOn ? t("player.exitFullscreen") : t("player.fullscreen")}
          testId="fullscreen-toggle"
          onClick={fullscreen.toggle}
        >
          {fullscreen.isOn ? <IconMinimize size={22} stroke={1.7} /> : <IconMaximize size={22} stroke={1.7} />}
        </ControlButton>
      </div>
    </div>
  );
}

function SeekBar({ video, media }: Pick<PlayerControlsProps, "video" | "media">) {
  const { t } = useTranslation();
  const { currentSeconds, durationSeconds, bufferedSeconds } = media;
  const share = (seconds: number) => (durationSeconds > 0 ? `${(seconds / durationSeconds) * 100}%` : "0%");
  const style = { "--played": share(currentSeconds), "--buffered": share(bufferedSeconds) } as CSSProperties;
  return (
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
  );
}

function VolumeControl({ video, media }: Pick<PlayerControlsProps, "video" | "media">) {
  const { t } = useTranslation();
  const volume = media.isMuted ? 0 : media.volume;
  const style = { "--played": `${volume * 100}%`, "--buffered": "0%" } as CSSProperties;
  return (
    <div className={classes.volume}>
      <ControlButton
        label={media.isMuted ? t("player.unmute") : t("player.mute")}
        onClick={() => {
          if (video.current !== null) toggleMute(video.current);
        }}
      >
        {media.isMuted ? <IconVolumeOff size={22} stroke={1.7} /> : <IconVolume size={22} stroke={1.7} />}
      </ControlButton>
      <input
        type="range"
        className={classes.volumeBar}
        style={style}
        min={0}
        max={1}
        step={0.05}
        value={volume}
        aria-label={t("player.volume")}
        onChange={(event) => {
          if (video.current !== null) setVolume(video.current, Number(event.currentTarget.value));
        }}
      />
    </div>
  );
}

function RateMenu({ rate, onChoose }: { rate: number; onChoose: (rate: number) => void }) {
  const { t } = useTranslation();
  return (
    <ChoiceMenu
      label={t("player.speed")}
      testId="speed-menu"
      icon={<IconBrandSpeedtest size={22} stroke={1.7} />}
      chosen={String(rate)}
      onChoose={(value) => onChoose(Number(value))}
      choices={RATES.map((value) => ({
        value: String(value),
        text: value === 1 ? t("player.speedNormal") : t("player.speedValue", { rate: value }),
      }))}
    />
  );
}

function QualityMenu({ hls }: { hls: HlsState }) {
  const { t } = useTranslation();
  const shown = hls.levels.find(({ index }) => index === hls.shownLevel);
  const auto =
    hls.chosenLevel === null && shown !== undefined
      ? t("player.autoCurrent", { height: shown.heightPixels })
      : t("player.auto");
  return (
    <ChoiceMenu
      label={t("player.quality")}
      testId="quality-menu"
      icon={<IconAdjustmentsHorizontal size={22} stroke={1.7} />}
      chosen={hls.chosenLevel === null ? AUTO : String(hls.chosenLevel)}
      onChoose={(value) => hls.chooseLevel(value === AUTO ? null : Number(value))}
      choices={[
        { value: AUTO, text: auto },
        ...hls.levels.map(({ index, heightPixels }) => ({
          value: String(index),
          text: t("player.level", { height: heightPixels }),
        })),
      ]}
    />
  );
}

interface ChoiceMenuProps {
  label: string;
  testId: string;
  icon: ReactNode;
  chosen: string;
  onChoose: (value: string) => void;
  choices: readonly { value: string; text: string }[];
}

function ChoiceMenu({ label, testId, icon, chosen, onChoose, choices }: ChoiceMenuProps) {
  return (
    // Inside of the frame: on the full screen nothing outside of it is visible.
    <Menu withinPortal={false} withInitialFocusPlaceholder={false} position="top-end" width={150} shadow="lg">
      <Menu.Target>
        <button type="button" className={classes.button} aria-label={label} title={label} data-testid={testId}>
          {icon}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{label}</Menu.Label>
        <Menu.RadioGroup value={chosen} onChange={onChoose}>
          {choices.map(({ value, text }) => (
            <Menu.RadioItem key={value} value={value} closeMenuOnClick>
              {text}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}

interface ControlButtonProps {
  label: string;
  onClick: () => void;
  children: ReactNode;
  testId?: string;
  /** Left out on narrow screens. */
  isExtra?: boolean;
}

function ControlButton({ label, onClick, children, testId, isExtra = false }: ControlButtonProps) {
  return (
    <button
      type="button"
      className={classes.button}
      data-extra={isExtra || undefined}
      aria-label={label}
      title={label}
      data-testid={testId}
      onClick={onClick}
    >
      {children}
    </button>
  );
}
