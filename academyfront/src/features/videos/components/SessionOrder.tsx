import { useState, type CSSProperties, type ReactNode } from "react";
import {
  DndContext,
  DragOverlay,
  KeyboardSensor,
  PointerSensor,
  TouchSensor,
  useSensor,
  useSensors,
  type Announcements,
  type DragEndEvent,
} from "@dnd-kit/core";
import { SortableContext, sortableKeyboardCoordinates, useSortable, verticalListSortingStrategy } from "@dnd-kit/sortable";
import { IconGripVertical } from "@tabler/icons-react";
import { Skeleton } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { toastDone, toastProblem } from "@/shared/ui/toasts";
import { arrange } from "../api/arrange";
import type { Video } from "../api/types";
import type { VideoFilter } from "../api/videoApi";
import { useLibraryWindow, type WindowLine } from "../hooks/useLibraryWindow";
import type { Selection } from "../hooks/useSelection";
import { useMove } from "../hooks/useVideos";
import { ROW, WindowFrame } from "./LibraryList";
import lines from "./LibraryList.module.css";
import classes from "./SessionOrder.module.css";
import { SessionTargets } from "./SessionTargets";
import { sessionOfTarget, targetsBeforeRows } from "./sessionTarget";
import { VideoRow } from "./VideoRow";

interface SessionOrderProps {
  filter: VideoFilter & { session: string };
  selection: Selection | null;
  empty: ReactNode;
}

/** One session in its order, which pointer, finger and keyboard can change. */
export default function SessionOrder({ filter, selection, empty }: SessionOrderProps) {
  const view = useLibraryWindow({ filter, ...ROW });
  const move = useMove();
  const announcements = useAnnouncements(view.loaded);
  const { t } = useTranslation();
  const [held, setHeld] = useState<Video | null>(null);
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 4 } }),
    useSensor(TouchSensor, { activationConstraint: { delay: 150, tolerance: 8 } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const sendTo = (session: string, { id, title }: Video) => {
    view.showInstead(view.loaded.filter((video) => video.id !== id));
    move.mutate(
      { id, session, before: null },
      {
        onSuccess: () =>
          toastDone(t("library.order.sent", { title, session: session === "" ? t("video.noSession") : session })),
        onError: toastProblem,
      },
    );
  };
  const drop = ({ over, delta }: DragEndEvent) => {
    setHeld(null);
    if (held === null || over === null) return;
    const target = sessionOfTarget(over.id);
    if (target !== null) {
      sendTo(target, held);
      return;
    }
    const ids = view.loaded.map(({ id }) => id);
    const [known, to] = [ids.indexOf(held.id), ids.indexOf(Number(over.id))];
    // Of a long session only the pages in view are loaded: what was picked up pages ago comes from above or below them.
    const from = known === -1 && delta.y < 0 ? ids.length : known;
    if (to === -1 || from === to) return;
    const { rows, before } = arrange(view.loaded, view.loaded[known] ?? held, from, to);
    view.showInstead(rows);
    // After the last loaded row comes one that is not loaded, and not the end of the session.
    const follower = before === null ? view.readAfterLoaded() : Promise.resolve(before);
    follower
      .then((next) => move.mutateAsync({ id: held.id, session: filter.session, before: next?.id ?? null }))
      .catch(toastProblem);
  };
  return (
    <DndContext
      sensors={sensors}
      collisionDetection={targetsBeforeRows}
      accessibility={{ announcements, screenReaderInstructions: { draggable: t("library.order.how") } }}
      onDragStart={({ active }) => setHeld(view.loaded.find(({ id }) => id === active.id) ?? null)}
      onDragCancel={() => setHeld(null)}
      onDragEnd={drop}
    >
      <SortableContext items={view.loaded.map(({ id }) => id)} strategy={verticalListSortingStrategy}>
        <WindowFrame view={view} look="rows" selection={selection} empty={empty}>
          {view.lines.map((line) => (
            <OrderLine key={line.rows[0]?.id ?? `blank-${line.key}`} line={line} selection={selection} />
          ))}
        </WindowFrame>
      </SortableContext>
      {held !== null && <SessionTargets current={filter.session} />}
      <DragOverlay>{held !== null && <VideoRow video={held} selection={selection} handle={<Grip />} />}</DragOverlay>
    </DndContext>
  );
}

function OrderLine({ line, selection }: { line: WindowLine; selection: Selection | null }) {
  const video = line.rows[0] ?? null;
  if (video === null) {
    return (
      <li className={lines.line} style={{ transform: `translateY(${line.topPixels}px)` }}>
        <Skeleton radius="lg" className={lines.blank} />
      </li>
    );
  }
  return <SortableLine video={video} topPixels={line.topPixels} selection={selection} />;
}

interface SortableLineProps {
  video: Video;
  topPixels: number;
  selection: Selection | null;
}

function SortableLine({ video, topPixels, selection }: SortableLineProps) {
  const { t } = useTranslation();
  const { setNodeRef, setActivatorNodeRef, attributes, listeners, transform, transition, isDragging } = useSortable({
    id: video.id,
  });
  const style: CSSProperties = {
    top: topPixels,
    transform: `translateY(${transform?.y ?? 0}px)`,
    transition,
    opacity: isDragging ? 0.35 : 1,
  };
  return (
    <li ref={setNodeRef} className={lines.line} style={style} data-testid="order-line">
      <VideoRow
        video={video}
        selection={selection}
        handle={
          <button
            ref={setActivatorNodeRef}
            type="button"
            className={classes.handle}
            {...attributes}
            {...listeners}
            aria-label={t("library.order.handle", { title: video.title })}
            data-testid="order-handle"
          >
            <Grip />
          </button>
        }
      />
    </li>
  );
}

function Grip() {
  return <IconGripVertical size={20} aria-hidden />;
}

/** What a screen reader says while a row is held. */
function useAnnouncements(rows: readonly Video[]): Announcements {
  const { t } = useTranslation();
  const place = (id: unknown) => rows.findIndex((row) => row.id === id) + 1;
  const words = (key: "picked" | "over" | "dropped" | "cancelled", id: unknown, overId: unknown) =>
    t(`library.order.${key}`, { title: rows[place(id) - 1]?.title ?? "", place: place(overId), count: rows.length });
  return {
    onDragStart: ({ active }) => words("picked", active.id, active.id),
    onDragOver: ({ active, over }) => words("over", active.id, over?.id),
    onDragEnd: ({ active, over }) => words("dropped", active.id, over?.id),
    onDragCancel: ({ active }) => words("cancelled", active.id, active.id),
  };
}
