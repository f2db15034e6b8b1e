import { Anchor, Code, Stack, Table, Text, Title } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { useIsOperator, useSession } from "@/shared/api/session";
import { ForbiddenView } from "@/shared/ui/ForbiddenView";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { WideTable } from "@/shared/ui/WideTable";
import { useVideosAt, type Place, type PlacedVideo } from "../api/ops";
import { placeOf } from "../api/places";
import { usePlaceWords } from "../components/placeWords";
import classes from "./OperationsPage.module.css";

/** The videos that a number of the operations page counts, whosever they are. */
export default function PlacePage() {
  const [params] = useSearchParams();
  if (!useIsOperator()) return <ForbiddenView />;
  return <Videos place={placeOf(params.get("place")) ?? "queued"} tenant={params.get("tenant")} />;
}

function Videos({ place, tenant }: { place: Place; tenant: string | null }) {
  const { t } = useTranslation();
  const words = usePlaceWords();
  const query = useVideosAt(place, tenant);
  return (
    <Stack gap="lg" data-testid="place-page">
      <div>
        <Anchor component={Link} to="/operations" className={classes.back}>
          <IconArrowLeft size={17} aria-hidden />
          {t("ops.title")}
        </Anchor>
        <Title order={1}>{tenant === null ? words(place) : `${words(place)} · ${tenant}`}</Title>
      </div>
      <Panel title={t("ops.longestFirst")}>
        <Loaded query={query}>
          {(videos) =>
            videos.length === 0 ? (
              <Text c="var(--text-soft)">{t("ops.nobodyHere")}</Text>
            ) : (
              <WideTable label={words(place)} minWidth={620}>
                <Table.Tbody>
                  {videos.map((video) => (
                    <VideoLine key={video.video_id} video={video} />
                  ))}
                </Table.Tbody>
              </WideTable>
            )
          }
        </Loaded>
      </Panel>
    </Stack>
  );
}

/** Another academy's video opens for nobody else, operators included: the command line tells them why it waits. */
function VideoLine({ video }: { video: PlacedVideo }) {
  const { t } = useTranslation();
  const isOurs = useSession().data?.tenant?.code === video.tenant_code;
  return (
    <Table.Tr data-testid="placed-video" data-video-id={video.video_id}>
      <Table.Td>
        {isOurs ? (
          <Link to={`/videos/${video.video_id}`}>{video.title}</Link>
        ) : (
          <>
            {video.title} <Code>{t("ops.whyCommand", { id: video.video_id })}</Code>
          </>
        )}
        {video.remark !== "" && (
          <Text size="sm" c="var(--text-soft)">
            {video.remark}
          </Text>
        )}
      </Table.Td>
      <Table.Td>{video.tenant_code}</Table.Td>
      <Table.Td>{t(`status.${video.status}`)}</Table.Td>
      <Table.Td>
        <RelativeTime iso={video.since} />
      </Table.Td>
    </Table.Tr>
  );
}
