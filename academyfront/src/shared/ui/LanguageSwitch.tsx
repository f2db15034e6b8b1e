import { ActionIcon } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { switchLanguage } from "@/shared/i18n";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { toastProblem } from "./toasts";
import classes from "./LanguageSwitch.module.css";

/** Shows the other language, and switches to it. */
export function LanguageSwitch() {
  const { t } = useTranslation();
  const other = useLanguage() === "ko" ? "en" : "ko";
  return (
    <ActionIcon
      variant="subtle"
      size="lg"
      className={classes.button}
      lang={other}
      title={t("app.otherLanguage")}
      aria-label={`${t("app.otherLanguageShort")} ${t("app.otherLanguage")}`}
      data-testid="language-switch"
      onClick={() => void switchLanguage(other).catch(toastProblem)}
    >
      {t("app.otherLanguageShort")}
    </ActionIcon>
  );
}
