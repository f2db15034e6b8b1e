export const RATES: readonly number[] = [0.75, 1, 1.25, 1.5, 1.75, 2];

/** What a key means for the player. Pure, so that the table can be read and tested. */
export type PlayerCommand =
  | { type: "toggle" }
  | { type: "seek_by"; seconds: number }
  | { type: "seek_to"; fraction: number }
  | { type: "volume_by"; amount: number }
  | { type: "mute" }
  | { type: "rate_by"; steps: 1 | -1 }
  | { type: "picture_in_picture" }
  | { type: "fullscreen" };

export function commandOfKey(key: string): PlayerCommand | null {
  switch (key) {
    case " ":
    case "k":
    case "K":
      return { type: "toggle" };
    case "ArrowLeft":
      return { type: "seek_by", seconds: -5 };
    case "ArrowRight":
      return { type: "seek_by", seconds: 5 };
    case "j":
    case "J":
      return { type: "seek_by", seconds: -10 };
    case "l":
    case "L":
      return { type: "seek_by", seconds: 10 };
    case "ArrowUp":
      return { type: "volume_by", amount: 0.1 };
    case "ArrowDown":
      return { type: "volume_by", amount: -0.1 };
    case "m":
    case "M":
      return { type: "mute" };
    case "f":
    case "F":
      return { type: "fullscreen" };
    case ">":
      return { type: "rate_by", steps: 1 };
    case "<":
      return { type: "rate_by", steps: -1 };
    case "p":
    case "P":
      return { type: "picture_in_picture" };
    case "Home":
      return { type: "seek_to", fraction: 0 };
    case "End":
      return { type: "seek_to", fraction: 1 };
    default:
      return /^[0-9]$/u.test(key) ? { type: "seek_to", fraction: Number(key) / 10 } : null;
  }
}

export function runCommand(video: HTMLVideoElement, command: Exclude<PlayerCommand, { type: "fullscreen" }>): void {
  switch (command.type) {
    case "toggle":
      togglePlay(video);
      return;
    case "seek_by":
      seekTo(video, video.currentTime + command.seconds);
      return;
    case "seek_to":
      seekTo(video, video.duration * command.fraction);
      return;
    case "volume_by":
      setVolume(video, video.volume + command.amount);
      return;
    case "mute":
      toggleMute(video);
      return;
    case "rate_by":
      changeRate(video, command.steps);
      return;
    case "picture_in_picture":
      togglePictureInPicture(video);
      return;
  }
}

export function togglePlay(video: HTMLVideoElement): void {
  // A refused play (no gesture yet, or replaced by a load) leaves the element paused, and the button says so.
  if (video.paused) void video.play().catch(() => undefined);
  else video.pause();
}

export function seekTo(video: HTMLVideoElement, seconds: number): void {
  if (!Number.isFinite(video.duration)) return;
  video.currentTime = Math.min(video.duration, Math.max(0, seconds));
}

export function setVolume(video: HTMLVideoElement, volume: number): void {
  video.muted = false;
  video.volume = Math.min(1, Math.max(0, volume));
}

function changeRate(video: HTMLVideoElement, steps: 1 | -1): void {
  const next = steps > 0 ? RATES.find((rate) => rate > video.playbackRate) : RATES.findLast((rate) => rate < video.playbackRate);
  if (next !== undefined) video.playbackRate = next;
}

export function togglePictureInPicture(video: HTMLVideoElement): void {
  if (!document.pictureInPictureEnabled || video.disablePictureInPicture) return;
  // Refused before anything is loaded, or when the browser's settings say so: then nothing changes.
  const change = document.pictureInPictureElement === video ? document.exitPictureInPicture() : video.requestPictureInPicture();
  change.catch(() => undefined);
}

export function toggleMute(video: HTMLVideoElement): void {
  const isSilent = video.muted || video.volume === 0;
  video.muted = !isSilent;
  // Unmuting what was turned all the way down must be heard.
  if (isSilent && video.volume === 0) video.volume = 0.5;
}
