/** What can be said about a file before a byte is sent. The server decides again. */

export type FileVerdict =
  | { kind: "ok" }
  | { kind: "empty" }
  | { kind: "too_large"; limitBytes: number }
  | { kind: "not_a_video"; extension: string };

// S3's and R2's limit for one object. What the academy allows is less, and known to the server only.
export const LARGEST_OBJECT_BYTES = 5 * 1024 ** 4;

// Sound alone (.m4a) is a lecture too. The api's list is `apps/support/video/domain/media_types.py`.
export const VIDEO_EXTENSIONS = [
  "mp4", "m4v", "m4a", "mov", "mkv", "webm", "avi", "wmv", "flv", "mpg", "mpeg", "ts", "mts", "m2ts", "3gp",
] as const;

/** For `<input accept>`: the type for phones, the extensions for types that browsers do not know (.mkv). */
export const FILE_INPUT_ACCEPT = ["video/*", "audio/mp4", ...VIDEO_EXTENSIONS.map((extension) => `.${extension}`)].join(",");

export interface FileFacts {
  name: string;
  size: number;
}

/** `limitBytes` is the largest file that the server takes, as far as it has said so. */
export function checkFile(file: FileFacts, limitBytes: number = LARGEST_OBJECT_BYTES): FileVerdict {
  const extension = extensionOf(file.name);
  if (!VIDEO_EXTENSIONS.some((known) => known === extension)) return { kind: "not_a_video", extension };
  if (file.size === 0) return { kind: "empty" };
  if (file.size > limitBytes) return { kind: "too_large", limitBytes };
  return { kind: "ok" };
}

export const TITLE_MAX_LENGTH = 200;

/**
 * The title that a file gets: its name without the extension.
 *
 * macOS names files in decomposed Hangul (ㄱㅏ for 가), which neither search nor sorting would find: NFC first.
 */
export function titleFromFileName(name: string): string {
  const extension = extensionOf(name);
  const stem = extension === "" ? name : name.slice(0, -(extension.length + 1));
  const title = stem.normalize("NFC").replace(/\s+/gu, " ").trim();
  return Array.from(title === "" ? name.normalize("NFC") : title)
    .slice(0, TITLE_MAX_LENGTH)
    .join("");
}

function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 && dot < name.length - 1 ? name.slice(dot + 1).toLowerCase() : "";
}
