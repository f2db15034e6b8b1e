import { useState } from "react";
import { Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconCloudUpload, IconLock } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useMayWrite } from "@/shared/api/session";
import { formatBytes } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { BackToLibrary } from "@/shared/ui/ProblemView";
import { StateView } from "@/shared/ui/StateView";
import { toastProblem } from "@/shared/ui/toasts";
import type { PlaybackPolicy } from "../api/types";
import { AllUploadsMenu } from "../components/AllUploadsMenu";
import { OfferRow } from "../components/OfferRow";
import { PolicyFields } from "../components/PolicyFields";
import { NO_RULES, usePolicyWords } from "../components/policyWords";
import { UploadRow } from "../components/UploadRow";
import { UploadTitleField } from "../components/UploadTitleField";
import { useFilePicker } from "../components/useFilePicker";
import { useIntake } from "../hooks/useIntake";
import { useOffers } from "../hooks/useOffers";
import { useUploads, type Shelving } from "../hooks/uploads";
import { useQuota } from "../hooks/useVideos";
import { filesOfDrop } from "../upload/fileAccess";
import classes from "./UploadPage.module.css";

const SESSION_MAX_LENGTH = 100;

export default function UploadPage() {
  const { t } = useTranslation();
  const mayWrite = useMayWrite();
  const [session, setSession] = useState("");
  const [policy, setPolicy] = useState(NO_RULES);
  if (!mayWrite) {
    return (
      <StateView
        isWholePage
        testId="state-forbidden"
        icon={<IconLock size={36} />}
        title={t("upload.noPermission")}
        text={t("problem.noPermissionHint")}
        action={<BackToLibrary />}
      />
    );
  }
  return (
    <Stack gap="lg" className={classes.page}>
      <div>
        <Title order={1}>{t("upload.title")}</Title>
        <Text mt={4} c="var(--text-soft)">
          {t("upload.subtitle")}
        </Text>
      </div>
      <DropZone shelving={{ session, policy }} />
      <TextInput
        label={t("upload.session")}
        description={t("upload.sessionHint")}
        placeholder={t("upload.sessionPlaceholder")}
        maxLength={SESSION_MAX_LENGTH}
        value={session}
        onChange={(event) => setSession(event.currentTarget.value)}
        className={classes.session}
        data-testid="upload-session"
      />
      <Rules policy={policy} onChange={setPolicy} />
      <UploadList />
      <OfferList />
    </Stack>
  );
}

function DropZone({ shelving }: { shelving: Shelving }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const intake = useIntake();
  const quota = useQuota().data;
  const [isOver, setOver] = useState(false);
  const { open, input } = useFilePicker({
    label: t("upload.choose"),
    testId: "file-input",
    multiple: true,
    onChosen: (files) => intake(files, shelving),
  });
  return (
    // Dropping is an extra for the pointer; the button inside does the same for everyone.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      className={classes.zone}
      data-over={isOver || undefined}
      data-testid="drop-zone"
      onDragOver={() => setOver(true)}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        // Also tells the page-wide target that these files, with this session, are taken.
        event.preventDefault();
        setOver(false);
        filesOfDrop(event.dataTransfer).then((files) => intake(files, shelving), toastProblem);
      }}
    >
      <IconCloudUpload size={48} stroke={1.3} className={classes.zoneIcon} aria-hidden />
      <h2 className={classes.zoneTitle}>{t("upload.dropTitle")}</h2>
      <p className={classes.zoneText}>{t("upload.dropText")}</p>
      <Button size="md" mt="md" onClick={open} data-testid="choose-files">
        {t("upload.choose")}
      </Button>
      <p className={classes.zoneFormats}>
        {t("upload.dropFormats")}
        {quota !== undefined && ` · ${t("upload.dropLimit", { limit: formatBytes(quota.file_bytes, language) })}`}
      </p>
      {input}
    </div>
  );
}

/** Most uploads need no rules: they stay folded, and say what holds. */
function Rules({ policy, onChange }: { policy: PlaybackPolicy; onChange: (policy: PlaybackPolicy) => void }) {
  const { t } = useTranslation();
  const words = usePolicyWords();
  return (
    <details className={classes.rules} data-testid="upload-policy">
      <summary>
        <span className={classes.rulesTitle}>{t("policy.title")}</span>
        <span className={classes.rulesNow}>{words(policy)}</span>
      </summary>
      <Text size="sm" c="var(--text-soft)" mb="md">
        {t("policy.hint")}
      </Text>
      <PolicyFields policy={policy} onChange={onChange} />
    </details>
  );
}

function OfferList() {
  const { t } = useTranslation();
  const offers = useOffers();
  if (offers.length === 0) return null;
  return (
    <section data-testid="upload-offers">
      <Title order={2} size="h3">
        {t("upload.offers")}
      </Title>
      <Text size="sm" c="var(--text-soft)" mb="sm">
        {t("upload.offersText")}
      </Text>
      <ul className={classes.list}>
        {offers.map((offer) => (
          <OfferRow key={offer.video.id} offer={offer} />
        ))}
      </ul>
    </section>
  );
}

function UploadList() {
  const { t } = useTranslation();
  const items = useUploads();
  if (items.length === 0) return null;
  return (
    <section>
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h3">
          {t("upload.thisVisit")}
        </Title>
        <AllUploadsMenu items={items} />
      </Group>
      <ul className={classes.list}>
        {items.toReversed().map((item) => (
          <UploadRow key={item.id} item={item} title={<UploadTitleField item={item} />} />
        ))}
      </ul>
    </section>
  );
}
