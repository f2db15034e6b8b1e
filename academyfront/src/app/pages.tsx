import { Button, Center, Loader } from "@mantine/core";
import { IconAlertTriangle, IconMoodEmpty } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { BackToLibrary } from "@/shared/ui/ProblemView";
import { StateView } from "@/shared/ui/StateView";

export function PageLoading() {
  const { t } = useTranslation();
  return (
    <Center mih="60dvh" role="status" aria-label={t("app.loading")}>
      <Loader type="dots" />
    </Center>
  );
}

export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <StateView
      isWholePage
      testId="state-not-found"
      icon={<IconMoodEmpty size={36} />}
      title={t("problem.notFound")}
      text={t("problem.notFoundHint")}
      action={<BackToLibrary />}
    />
  );
}

/** The last resort: a page threw while it was drawn, or its code could not be loaded after a deployment. */
export function CrashPage() {
  const { t } = useTranslation();
  return (
    <StateView
      isWholePage
      testId="state-crash"
      tone="alarm"
      icon={<IconAlertTriangle size={36} />}
      title={t("problem.crashed")}
      text={t("problem.unexpectedHint")}
      action={
        <Button variant="default" onClick={() => window.location.reload()}>
          {t("problem.reload")}
        </Button>
      }
    />
  );
}
