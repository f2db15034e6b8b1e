import { useTranslation } from "react-i18next";
import classes from "./Logo.module.css";

export function Logo({ markOnlyOnPhone = false }: { markOnlyOnPhone?: boolean }) {
  const { t } = useTranslation();
  return (
    <span className={classes.root}>
      <svg width="30" height="30" viewBox="0 0 32 32" aria-hidden focusable="false">
        <rect width="32" height="32" rx="9" fill="#3555d1" />
        <path
          d="M12.5 10.2v11.6a1 1 0 0 0 1.53.85l9.2-5.8a1 1 0 0 0 0-1.7l-9.2-5.8a1 1 0 0 0-1.53.85Z"
          fill="#fff"
        />
      </svg>
      <span className={classes.name} data-hide-on-phone={markOnlyOnPhone || undefined}>
        {t("app.name")}
      </span>
    </span>
  );
}
