/** Numbers for people. Pure: the language is an argument. */

import type { Language } from "./language";

const LOCALE: Record<Language, string> = { ko: "ko-KR", en: "en-US" };
const BYTE_UNITS = ["B", "KB", "MB", "GB", "TB"] as const;

/** "812 MB", "1.4 GB": decimal units, as file managers and storage providers count. */
export function formatBytes(sizeBytes: number, language: Language): string {
  let value = Math.max(0, sizeBytes);
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit >= 2 && value < 99.95 ? 1 : 0;
  const number = new Intl.NumberFormat(LOCALE[language], { maximumFractionDigits: digits }).format(value);
  return `${number} ${BYTE_UNITS[unit] ?? ""}`;
}

/** "0:07", "12:30", "1:02:03": a position or a length in a video. */
export function formatClock(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  const rest = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export type RemainingTime =
  | { unit: "moments" }
  | { unit: "seconds" | "minutes"; count: number }
  | { unit: "hours"; count: number; minutes: number };

/** How long it still takes, rounded so that it does not jump: nobody needs "3 min 27 s". */
export function roundRemaining(seconds: number): RemainingTime {
  if (seconds < 5) return { unit: "moments" };
  if (seconds < 55) return { unit: "seconds", count: Math.ceil(seconds / 5) * 5 };
  if (seconds < 3570) return { unit: "minutes", count: Math.max(1, Math.round(seconds / 60)) };
  const minutes = Math.round(seconds / 60);
  return { unit: "hours", count: Math.floor(minutes / 60), minutes: minutes % 60 };
}

export function formatDateTime(iso: string, language: Language): string {
  return new Intl.DateTimeFormat(LOCALE[language], { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "3분 전", "yesterday". */
export function formatRelative(iso: string, nowMs: number, language: Language): string {
  const seconds = (Date.parse(iso) - nowMs) / 1000;
  const words = new Intl.RelativeTimeFormat(LOCALE[language], { numeric: "auto" });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return words.format(0, "second");
}
