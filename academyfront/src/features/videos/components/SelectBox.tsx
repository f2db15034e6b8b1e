import { useTranslation } from "react-i18next";
import type { Video } from "../api/types";
import type { Selection } from "../hooks/useSelection";
import classes from "./SelectBox.module.css";

export function SelectBox({ video, selection }: { video: Video; selection: Selection }) {
  const { t } = useTranslation();
  return (
    <input
      type="checkbox"
      className={classes.box}
      aria-label={t("library.select", { title: video.title })}
      checked={selection.videos.has(video.id)}
      onChange={() => selection.toggle(video)}
      data-testid="select-video"
    />
  );
}
