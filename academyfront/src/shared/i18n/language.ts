/** The language of this browser: Korean until someone chooses English. */

export type Language = "ko" | "en";

const STORAGE_KEY = "academy.language";
let current: Language = readStored();

export function currentLanguage(): Language {
  return current;
}

export function rememberLanguage(language: Language): void {
  current = language;
  document.documentElement.lang = language;
  try {
    window.localStorage.setItem(STORAGE_KEY, language);
  } catch {
    // Storage may be forbidden (private mode); the choice then lasts for this page.
  }
}

function readStored(): Language {
  try {
    return window.localStorage.getItem(STORAGE_KEY) === "en" ? "en" : "ko";
  } catch {
    return "ko";
  }
}
