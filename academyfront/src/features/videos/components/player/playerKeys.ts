/** What a key means for the player. Pure, so that the table can be read and tested. */
export type PlayerCommand =
  | { type: "toggle" }
  | { type: "seek_by"; seconds: number }
  | { type: "seek_to"; fraction: number }
  | { type: "volume_by"; amount: number }
  | { type: "mute" }
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

export function toggleMute(video: HTMLVideoElement): void {
  const isSilent = video.muted || video.volume === 0;
  video.muted = !isSilent;
  // Unmuting what was turned all the way down must be heard.
  if (isSilent && video.volume === 0) video.volume = 0.5;
}
