import type { Tile } from "../api/storyboard";
import classes from "./StoryboardTile.module.css";

/** One picture of a storyboard's sheet, as large as its place. */
export function StoryboardTile({ tile: { sheetUrl, left, top, width, height } }: { tile: Tile }) {
  return (
    <svg viewBox={`0 0 ${width} ${height}`} className={classes.picture} data-testid="storyboard-tile">
      <svg x={-left} y={-top} overflow="visible">
        <image href={sheetUrl} />
      </svg>
    </svg>
  );
}
