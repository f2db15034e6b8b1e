import { useRef, useState } from "react";
import { Button, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconCloudUpload, IconLock } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useMayWrite } from "@/shared/api/session";
import { formatBytes } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { BackToLibrary } from "@/shared/ui/ProblemView";
import { StateView } from "@/shared/ui/StateView";
import { UploadRow } from "../components/UploadRow";
import { UploadTitleField } from "../components/UploadTitleField";
import { useIntake } from "../hooks/useIntake";
import { useUploads } from "../hooks/uploads";
import { FILE_INPUT_ACCEPT, SINGLE_PUT_LIMIT_BYTES } from "../upload/fileCheck";
import classes from "./UploadPage.module.css";

const SESSION_MAX_LENGTH = 100;

export default function UploadPage() {
  const { t } = useTranslation();
  const mayWrite = useMayWrite();
  const [session, setSession] = useState("");
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
      <DropZone session={session} />
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
      <UploadList />
    </Stack>
  );
}

function DropZone({ session }: { session: string }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const intake = useIntake();
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const limit = formatBytes(SINGLE_PUT_LIMIT_BYTES, language);
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
        intake(Array.from(event.dataTransfer.files), session);
      }}
    >
      <IconCloudUpload size={48} stroke={1.3} className={classes.zoneIcon} aria-hidden />
      <h2 className={classes.zoneTitle}>{t("upload.dropTitle")}</h2>
      <p className={classes.zoneText}>{t("upload.dropText")}</p>
      <Button size="md" mt="md" onClick={() => input.current?.click()} data-testid="choose-files">
        {t("upload.choose")}
      </Button>
      <p className={classes.zoneFormats}>{t("upload.dropFormats", { limit })}</p>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={FILE_INPUT_ACCEPT}
        aria-label={t("upload.choose")}
        data-testid="file-input"
        onChange={(event) => {
          intake(Array.from(event.currentTarget.files ?? []), session);
          // The same file may be chosen again after it failed.
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
}

function UploadList() {
  const { t } = useTranslation();
  const items = useUploads();
  if (items.length === 0) return null;
  return (
    <section>
      <Title order={2} size="h3" mb="sm">
        {t("upload.thisVisit")}
      </Title>
      <ul className={classes.list}>
        {items.toReversed().map((item) => (
          <UploadRow key={item.id} item={item} title={<UploadTitleField item={item} />} />
        ))}
      </ul>
    </section>
  );
}
