import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { ko } from "./ko";
import { currentLanguage, rememberLanguage, type Language } from "./language";

void i18next.use(initReactI18next).init({
  resources: { ko: { translation: ko } },
  lng: "ko",
  fallbackLng: "ko",
  interpolation: { escapeValue: false },
  initAsync: false,
});

/** Fulfilled when the page can speak this browser's language. */
export const languageReady: Promise<void> = switchLanguage(currentLanguage());

/** Korean is always there; English comes when somebody reads it. Without it the page goes on in Korean. */
export async function switchLanguage(language: Language): Promise<void> {
  if (language === "en" && !i18next.hasResourceBundle("en", "translation")) {
    const { en } = await import("./en");
    i18next.addResourceBundle("en", "translation", en);
  }
  rememberLanguage(language);
  await i18next.changeLanguage(language);
}

export { i18next };
