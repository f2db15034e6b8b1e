import { formatDateTime, formatRelative } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { useNow } from "./useNow";

export function RelativeTime({ iso }: { iso: string }) {
  const language = useLanguage();
  return (
    <time dateTime={iso} title={formatDateTime(iso, language)}>
      {formatRelative(iso, useNow(), language)}
    </time>
  );
}
