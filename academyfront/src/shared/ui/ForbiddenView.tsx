import { IconLock } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { StateView } from "./StateView";

/** A page that is not for this person, and whom to ask. */
export function ForbiddenView() {
  const { t } = useTranslation();
  return (
    <StateView
      isWholePage
      testId="state-forbidden"
      icon={<IconLock size={36} />}
      title={t("problem.noPermission")}
      text={t("problem.noPermissionHint")}
    />
  );
}
