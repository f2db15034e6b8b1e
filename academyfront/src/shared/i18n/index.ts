import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { en } from "./en";
import { ko } from "./ko";
import { currentLanguage, rememberLanguage, type Language } from "./language";

void i18next.use(initReactI18next).init({
  resources: { ko: { translation: ko }, en: { translation: en } },
  lng: currentLanguage(),
  fallbackLng: "ko",
  interpolation: { escapeValue: false },
  initAsync: false,
});
rememberLanguage(currentLanguage());

export function switchLanguage(language: Language): void {
  rememberLanguage(language);
  void i18next.changeLanguage(language);
}

export { i18next };
