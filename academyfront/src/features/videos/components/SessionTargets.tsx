import { useDroppable } from "@dnd-kit/core";
import { useTranslation } from "react-i18next";
import { useSessions } from "../hooks/useVideos";
import classes from "./SessionTargets.module.css";
import { targetOfSession } from "./sessionTarget";

/** Where a held video can be dropped to leave its session. Without a pointer the bulk bar's "move" does the same. */
export function SessionTargets({ current }: { current: string }) {
  const { t } = useTranslation();
  const others = (useSessions().data ?? []).filter(({ session }) => session !== current);
  if (others.length === 0) return null;
  return (
    <div className={classes.panel} data-testid="session-targets">
      <strong className={classes.title}>{t("library.order.elsewhere")}</strong>
      {others.map(({ session }) => (
        <Target key={session} session={session} />
      ))}
    </div>
  );
}

function Target({ session }: { session: string }) {
  const { t } = useTranslation();
  const { setNodeRef, isOver } = useDroppable({ id: targetOfSession(session) });
  return (
    <div ref={setNodeRef} className={classes.target} data-over={isOver || undefined} data-session={session}>
      {session === "" ? t("video.noSession") : session}
    </div>
  );
}
