import type { CSSProperties, ReactNode, RefObject } from "react";
import {
  IconAdjustmentsHorizontal,
  IconBadgeCc,
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
import { ChoiceMenu } from "./ChoiceMenu";
import classes from "./Player.module.css";
import { RATES, setVolume, toggleMute, togglePictureInPicture, togglePlay } from "./playerKeys";
import { SeekBar } from "./SeekBar";
import type { Fullscreen } from "./useFullscreen";
import type { HlsState } from "./useHls";
import type { MediaState } from "./useMediaState";

const AUTO = "auto";
const OFF = "off";

interface PlayerControlsProps {
  video: RefObject<HTMLVideoElement | null>;
  media: MediaState;
  hls: HlsState;
  fullscreen: Fullscreen;
  storyboardUrl: string | null;
  maxSpeed: number;
  /** Whether the bare picture may be shown without what lies over it. */
  allowsBarePicture: boolean;
}

export function PlayerControls(props: PlayerControlsProps) {
  const { video, media, hls, fullscreen } = props;
  const { t } = useTranslation();
  const act = (change: (element: HTMLVideoElement) => void) => () => {
    if (video.current !== null) change(video.current);
  };
  return (
    <div className={classes.controls}>
      <SeekBar video={video} media={media} storyboardUrl={props.storyboardUrl} />
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
        {hls.captions.length > 0 && <CaptionsMenu hls={hls} />}
        <RateMenu
          rate={media.rate}
          maxSpeed={props.maxSpeed}
          onChoose={(rate) => act((element) => (element.playbackRate = rate))()}
        />
        {hls.levels.length > 1 && <QualityMenu hls={hls} />}
        {document.pictureInPictureEnabled && props.allowsBarePicture && (
          <ControlButton
            label={t("player.pictureInPicture")}
            testId="picture-in-picture"
            onClick={act(togglePictureInPicture)}
            isExtra
          >
            <IconPictureInPicture size={22} stroke={1.7} />
          </ControlButton>
        )}
        {fullscreen.isPossible && (
          <ControlButton
            label={fullscreen.isOn ? t("player.exitFullscreen") : t("player.fullscreen")}
            testId="fullscreen-toggle"
            onClick={fullscreen.toggle}
          >
            {fullscreen.isOn ? <IconMinimize size={22} stroke={1.7} /> : <IconMaximize size={22} stroke={1.7} />}
          </ControlButton>
        )}
      </div>
    </div>
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

interface RateMenuProps {
  rate: number;
  maxSpeed: number;
  onChoose: (rate: number) => void;
}

function RateMenu({ rate, maxSpeed, onChoose }: RateMenuProps) {
  const { t } = useTranslation();
  return (
    <ChoiceMenu
      label={t("player.speed")}
      testId="speed-menu"
      icon={<IconBrandSpeedtest size={22} stroke={1.7} />}
      chosen={String(rate)}
      onChoose={(value) => onChoose(Number(value))}
      choices={RATES.filter((value) => value <= maxSpeed).map((value) => ({
        value: String(value),
        text: value === 1 ? t("player.speedNormal") : t("player.speedValue", { rate: value }),
      }))}
    />
  );
}

function CaptionsMenu({ hls }: { hls: HlsState }) {
  const { t } = useTranslation();
  return (
    <ChoiceMenu
      label={t("player.captions")}
      testId="captions-menu"
      icon={<IconBadgeCc size={22} stroke={1.7} />}
      chosen={String(hls.shownCaptions ?? OFF)}
      onChoose={(value) => hls.chooseCaptions(value === OFF ? null : Number(value))}
      choices={[
        { value: OFF, text: t("player.captionsOff") },
        ...hls.captions.map(({ index, name }) => ({ value: String(index), text: name })),
      ]}
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
