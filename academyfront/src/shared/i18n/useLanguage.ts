import { useTranslation } from "react-i18next";
import type { Language } from "./language";

/** The language on screen; a component that uses it renders again after a switch. */
export function useLanguage(): Language {
  return useTranslation().i18n.language === "en" ? "en" : "ko";
}
