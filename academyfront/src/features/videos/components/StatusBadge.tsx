import { useTranslation } from "react-i18next";
import type { VideoStatus } from "../api/types";
import classes from "./StatusBadge.module.css";

export function StatusBadge({ status }: { status: VideoStatus }) {
  const { t } = useTranslation();
  return (
    <span className={classes.badge} data-status={status} data-testid="status-badge">
      <span className={classes.dot} aria-hidden />
      {t(`status.${status}`)}
    </span>
  );
}
