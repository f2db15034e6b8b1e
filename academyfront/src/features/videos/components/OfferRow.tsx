import { useState } from "react";
import { ActionIcon, Progress, Text, Tooltip } from "@mantine/core";
import { IconDeviceDesktop, IconPlayerPause, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { formatBytes } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { ConfirmDialog } from "@/shared/ui/ConfirmDialog";
import { useDiscardOffer, type Offer } from "../hooks/useOffers";
import { ResumeButton } from "./ResumeButton";
import classes from "./UploadRow.module.css";

/** An upload that was left: how much of it is there, and how to go on. */
export function OfferRow({ offer }: { offer: Offer }) {
  const { t } = useTranslation();
  const { video, isElsewhere } = offer;
  const percent = Math.min(99, Math.floor((offer.storedBytes / video.size_bytes) * 100));
  const Icon = isElsewhere ? IconDeviceDesktop : IconPlayerPause;
  return (
    <li className={classes.row} data-testid="upload-offer" data-elsewhere={isElsewhere || undefined}>
      <Icon size={22} className={classes.iconQuiet} aria-hidden />
      <div className={classes.body}>
        <div className={classes.name}>{video.title}</div>
        <div className={classes.progress}>
          <Progress.Root size={6} radius="xl" className={classes.bar}>
            <Progress.Section value={percent} color="gray.5" aria-label={t("dock.progressOf", { title: video.title })} />
          </Progress.Root>
          <span className={classes.percent}>{percent}%</span>
        </div>
        <OfferWords offer={offer} />
        {!isElsewhere && (
          <div className={classes.offer}>
            <ResumeButton leftover={offer} size="compact-sm" />
          </div>
        )}
      </div>
      <div className={classes.buttons}>{!isElsewhere && <DiscardButton offer={offer} />}</div>
    </li>
  );
}

function OfferWords({ offer: { video, kept, storedBytes, isElsewhere } }: { offer: Offer }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const amount = t("dock.amount", {
    sent: formatBytes(storedBytes, language),
    total: formatBytes(video.size_bytes, language),
  });
  const how = isElsewhere ? t("dock.elsewhere") : kept === null ? t("upload.begunElsewhere") : video.filename;
  return (
    <Text className={classes.words}>
      {amount} · {how}
    </Text>
  );
}

function DiscardButton({ offer }: { offer: Offer }) {
  const { t } = useTranslation();
  const discard = useDiscardOffer();
  const [isAsking, setAsking] = useState(false);
  const label = t("upload.discard");
  return (
    <>
      <Tooltip label={label}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={34}
          aria-label={label}
          data-testid="discard-offer"
          onClick={() => setAsking(true)}
        >
          <IconX size={18} />
        </ActionIcon>
      </Tooltip>
      <ConfirmDialog
        isOpen={isAsking}
        testId="discard-offer"
        title={t("upload.discardTitle")}
        text={t("upload.discardText", { title: offer.video.title })}
        confirm={t("upload.discard")}
        isDangerous
        isPending={discard.isPending}
        onClose={() => setAsking(false)}
        onConfirm={() => discard.mutate(offer, { onSettled: () => setAsking(false) })}
      />
    </>
  );
}
