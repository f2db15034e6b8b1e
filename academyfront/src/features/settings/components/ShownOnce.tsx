import { Alert, Button, Code, CopyButton, Group } from "@mantine/core";
import { useTranslation } from "react-i18next";

interface ShownOnceProps {
  title: string;
  secret: string;
  testId: string;
  onClose: () => void;
}

/** A secret that the server has shown us now and never again. */
export function ShownOnce({ title, secret, testId, onClose }: ShownOnceProps) {
  const { t } = useTranslation();
  return (
    <Alert
      mb="md"
      color="teal"
      title={title}
      // Teal on teal is too faint to read.
      styles={{ title: { color: "var(--mantine-color-text)" } }}
      withCloseButton
      closeButtonLabel={t("app.close")}
      onClose={onClose}
    >
      <Group>
        <Code block data-testid={testId} style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
          {secret}
        </Code>
        <CopyButton value={secret}>
          {({ copied, copy }) => (
            <Button size="xs" variant="default" onClick={copy}>
              {copied ? t("settings.copied") : t("settings.copy")}
            </Button>
          )}
        </CopyButton>
      </Group>
    </Alert>
  );
}
