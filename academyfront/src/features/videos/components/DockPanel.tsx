import { useState } from "react";
import { ActionIcon } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconChevronDown, IconChevronUp } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Offer } from "../hooks/useOffers";
import { isUnderWay } from "../upload/uploadMachine";
import type { UploadItem } from "../upload/uploadQueue";
import { AllUploadsMenu } from "./AllUploadsMenu";
import { OfferRow } from "./OfferRow";
import classes from "./UploadDock.module.css";
import { UploadRow } from "./UploadRow";

interface DockPanelProps {
  items: readonly UploadItem[];
  offers: readonly Offer[];
}

export default function DockPanel({ items, offers }: DockPanelProps) {
  const { t } = useTranslation();
  const isPhone = useMediaQuery("(max-width: 36em)", false, { getInitialValueInEffect: false });
  const [isOpen, setOpen] = useState(!isPhone);
  const label = isOpen ? t("dock.collapse") : t("dock.expand");
  return (
    <section className={classes.dock} aria-label={t("dock.title")} data-testid="upload-dock">
      <header className={classes.header}>
        <div className={classes.heading}>
          <h2 className={classes.title}>{t("dock.title")}</h2>
          <DockSummary items={items} offers={offers} />
        </div>
        <AllUploadsMenu items={items} />
        <ActionIcon
          variant="subtle"
          color="gray"
          size={34}
          aria-label={label}
          aria-expanded={isOpen}
          data-testid="dock-toggle"
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? <IconChevronDown size={20} /> : <IconChevronUp size={20} />}
        </ActionIcon>
      </header>
      {isOpen && (
        <ul className={classes.list}>
          {items.toReversed().map((item) => (
            <UploadRow key={item.id} item={item} />
          ))}
          {offers.map((offer) => (
            <OfferRow key={offer.video.id} offer={offer} />
          ))}
        </ul>
      )}
    </section>
  );
}

function DockSummary({ items, offers }: DockPanelProps) {
  const { t } = useTranslation();
  const count = (test: (item: UploadItem) => boolean) => items.filter(test).length;
  const active = count(({ state }) => isUnderWay(state));
  const paused = count(({ state }) => state.phase === "paused");
  const failed = count(({ state }) => state.phase === "failed");
  const parts = [
    ...(active > 0 ? [t("dock.summaryActive", { count: active })] : []),
    ...(paused > 0 ? [t("dock.summaryPaused", { count: paused })] : []),
    ...(failed > 0 ? [t("dock.summaryFailed", { count: failed })] : []),
    ...(offers.length > 0 ? [t("dock.summaryOffers", { count: offers.length })] : []),
  ];
  return <p className={classes.summary}>{parts.length === 0 ? t("dock.summaryDone") : parts.join(" · ")}</p>;
}
