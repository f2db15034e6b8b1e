import { useTranslation } from "react-i18next";
import { formatBytes, formatClock, formatDateTime } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import type { Video } from "../api/types";
import { usePolicyWords } from "./policyWords";
import classes from "./SidePanel.module.css";

export function VideoDetails({ video }: { video: Video }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const policyWords = usePolicyWords();
  const facts: [string, string | null][] = [
    [t("video.length"), video.duration_seconds === null ? null : formatClock(video.duration_seconds)],
    [t("video.resolution"), video.width === null || video.height === null ? null : `${video.width} × ${video.height}`],
    [t("video.size"), formatBytes(video.size_bytes, language)],
    [t("video.filename"), video.filename],
    [t("video.created"), formatDateTime(video.created_at, language)],
    [t("policy.title"), policyWords(video.policy)],
  ];
  return (
    <section className={classes.panel}>
      <h2 className={classes.title}>{t("video.details")}</h2>
      <dl className={classes.facts}>
        {facts.map(
          ([name, value]) =>
            value !== null && (
              <div key={name} className={classes.fact}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </section>
  );
}
