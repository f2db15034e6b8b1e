import { Button } from "@mantine/core";
import { IconAlertTriangle, IconLock, IconMoodEmpty, IconWifiOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { NetworkProblem, hasStatus } from "@/shared/api/problem";
import { StateView } from "./StateView";
import { problemWords } from "./problemWords";

interface ProblemViewProps {
  error: unknown;
  onRetry: () => void;
  isWholePage?: boolean;
}

/** A page's content could not be loaded: says what, and offers the one next step. */
export function ProblemView({ error, onRetry, isWholePage = false }: ProblemViewProps) {
  const { t } = useTranslation();
  const words = problemWords(error, t);
  const note = words.requestId === null ? undefined : t("problem.requestId", { id: words.requestId });

  if (hasStatus(error, 404)) {
    return (
      <StateView
        isWholePage={isWholePage}
        testId="state-not-found"
        icon={<IconMoodEmpty size={36} />}
        title={t("problem.notFound")}
        text={t("problem.notFoundHint")}
        action={<BackToLibrary />}
      />
    );
  }
  if (hasStatus(error, 403)) {
    return (
      <StateView
        isWholePage={isWholePage}
        testId="state-forbidden"
        icon={<IconLock size={36} />}
        title={t("problem.noPermission")}
        text={words.hint === "" ? t("problem.noPermissionHint") : words.hint}
        note={note}
      />
    );
  }
  return (
    <StateView
      isWholePage={isWholePage}
      testId="state-problem"
      tone="alarm"
      icon={error instanceof NetworkProblem ? <IconWifiOff size={36} /> : <IconAlertTriangle size={36} />}
      title={words.detail}
      text={words.hint}
      note={note}
      action={
        <Button variant="default" onClick={onRetry}>
          {t("problem.again")}
        </Button>
      }
    />
  );
}

export function BackToLibrary() {
  const { t } = useTranslation();
  return (
    <Button component={Link} to="/" variant="default">
      {t("problem.backToLibrary")}
    </Button>
  );
}
