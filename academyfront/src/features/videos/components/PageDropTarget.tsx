import { useEffect, useState } from "react";
import { IconCloudUpload } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { toastProblem } from "@/shared/ui/toasts";
import { useIntake } from "../hooks/useIntake";
import { filesOfDrop } from "../upload/fileAccess";
import classes from "./PageDropTarget.module.css";

/** Files may be dropped anywhere; a page that missed would navigate the browser to the file. */
export function PageDropTarget() {
  const { t } = useTranslation();
  const intake = useIntake();
  const [isOver, setOver] = useState(false);

  useEffect(() => {
    // Every child fires its own enter and leave; only the balance says whether the pointer left the window.
    let depth = 0;
    const leave = () => {
      depth = 0;
      setOver(false);
    };
    const onEnter = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      depth += 1;
      setOver(true);
    };
    const onLeave = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      depth -= 1;
      if (depth <= 0) leave();
    };
    const onOver = (event: DragEvent) => {
      if (carriesFiles(event)) event.preventDefault();
    };
    const onDrop = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      leave();
      // The upload page's own zone has taken them already, with its session.
      if (event.defaultPrevented) return;
      event.preventDefault();
      if (event.dataTransfer === null) return;
      filesOfDrop(event.dataTransfer).then((files) => intake(files, { session: "", policy: null }), toastProblem);
    };
    window.addEventListener("dragenter", onEnter);
    window.addEventListener("dragleave", onLeave);
    window.addEventListener("dragover", onOver);
    window.addEventListener("drop", onDrop);
    return () => {
      window.removeEventListener("dragenter", onEnter);
      window.removeEventListener("dragleave", onLeave);
      window.removeEventListener("dragover", onOver);
      window.removeEventListener("drop", onDrop);
    };
  }, [intake]);

  if (!isOver) return null;
  return (
    <div className={classes.overlay} data-testid="drop-overlay">
      <div className={classes.panel}>
        <IconCloudUpload size={52} stroke={1.4} aria-hidden />
        <strong className={classes.title}>{t("upload.dropAnywhere")}</strong>
        <span className={classes.text}>{t("upload.dropAnywhereText")}</span>
      </div>
    </div>
  );
}

function carriesFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") === true;
}
