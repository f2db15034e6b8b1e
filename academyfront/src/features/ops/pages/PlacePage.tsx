import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useIsOperator, useSession } from "@/shared/api/session";
import { ForbiddenView } from "@/shared/ui/ForbiddenView";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { useVideosAt, type Place, type PlacedVideo } from "../api/ops";
import { placeOf } from "../api/places";
import { CountedPage } from "../components/CountedPage";
import { VideoLink } from "../components/VideoLink";
import { usePlaceWords } from "../components/placeWords";

/** The videos that a number of the operations page counts, whosever they are. */
export default function PlacePage() {
  const [params] = useSearchParams();
  if (!useIsOperator()) return <ForbiddenView />;
  return <Videos place={placeOf(params.get("place")) ?? "queued"} tenant={params.get("tenant")} />;
}

function Videos({ place, tenant }: { place: Place; tenant: string | null }) {
  const { t } = useTranslation();
  const words = usePlaceWords();
  return (
    <CountedPage
      title={tenant === null ? words(place) : `${words(place)} · ${tenant}`}
      testId="place-page"
      query={useVideosAt(place, tenant)}
      nobodyHere={t("ops.nobodyHere")}
      row={(video) => <VideoLine key={[video.video_id, video.title, video.since].join(" ")} video={video} />}
    />
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
