import { Link } from "react-router";
import { isFinal, resumePoint } from "../upload/uploadMachine";
import type { UploadItem } from "../upload/uploadQueue";
import classes from "./UploadTitle.module.css";

/** Leads to the video as soon as there is one to look at, accepted or refused. */
export function UploadTitle({ item: { title, state } }: { item: UploadItem }) {
  const videoId = isFinal(state) ? resumePoint(state)?.videoId : undefined;
  if (videoId === undefined) return <div className={classes.title}>{title}</div>;
  return (
    <Link to={`/videos/${videoId}`} className={classes.title} data-testid="upload-open-video">
      {title}
    </Link>
  );
}
