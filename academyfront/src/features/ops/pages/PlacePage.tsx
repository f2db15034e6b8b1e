import { Anchor, Stack, Table, Text, Title } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { useIsOperator, useSession } from "@/shared/api/session";
import { ForbiddenView } from "@/shared/ui/ForbiddenView";
import { MostShown } from "@/shared/ui/MostShown";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { RowTable } from "@/shared/ui/RowTable";
import { useVideosAt, type Place, type PlacedVideo } from "../api/ops";
import { placeOf } from "../api/places";
import { VideoLink } from "../components/VideoLink";
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
              <>
                <RowTable>
                  <Table.Tbody>
                    {videos.map((video) => (
                      <VideoLine key={[video.video_id, video.title, video.since].join(" ")} video={video} />
                    ))}
                  </Table.Tbody>
                </RowTable>
                <MostShown count={videos.length} />
              </>
            )
          }
        </Loaded>
      </Panel>
    </Stack>
  );
}

function VideoLine({ video }: { video: PlacedVideo }) {
  const { t } = useTranslation();
  const isOurs = useSession().data?.tenant?.code === video.tenant_code;
  return (
    <Table.Tr data-testid="placed-video" data-video-id={video.video_id}>
      <Table.Td>
        {video.video_id === null ? (
          video.title
        ) : (
          <VideoLink id={video.video_id} isOurs={isOurs}>
            {video.title}
          </VideoLink>
        )}
        {video.remark !== "" && (
          <Text size="sm" c="var(--text-soft)">
            {video.remark}
          </Text>
        )}
      </Table.Td>
      <Table.Td>{video.tenant_code}</Table.Td>
      <Table.Td>{video.status === null ? t("ops.noVideo") : t(`status.${video.status}`)}</Table.Td>
      <Table.Td>
        <RelativeTime iso={video.since} />
      </Table.Td>
    </Table.Tr>
  );
}
