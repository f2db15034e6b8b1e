import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import classes from "./Facts.module.css";

export interface Fact {
  name: string;
  count: number;
  to: string;
  /** What stands beside the number and leads nowhere. */
  note?: string;
  since?: string | null;
}

/** Numbers, each of which leads to what it counts. */
export function Facts({ facts }: { facts: readonly Fact[] }) {
  const { t } = useTranslation();
  return (
    <dl className={classes.facts}>
      {facts.map(({ name, count, to, note, since = null }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Link to={to} aria-label={`${name} ${count}`}>
              {count.toLocaleString()}
            </Link>
            {note !== undefined && <span className={classes.since}> ({note})</span>}
            {since !== null && (
              <span className={classes.since}>
                {" "}
                ({t("ops.oldest")} <RelativeTime iso={since} />)
              </span>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
