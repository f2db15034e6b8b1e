import { useState, type SubmitEvent } from "react";
import { Button, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/shared/ui/Dialog";
import { DialogActions } from "@/shared/ui/DialogActions";
import { useSessions } from "../hooks/useVideos";

interface MoveDialogProps {
  isOpen: boolean;
  isPending: boolean;
  count: number;
  onMove: (session: string) => void;
  onClose: () => void;
}

/** Asks for the session that the marked videos go to: one that there is, or a name for another. */
export function MoveDialog({ isOpen, isPending, count, onMove, onClose }: MoveDialogProps) {
  const { t } = useTranslation();
  const sessions = useSessions().data ?? [];
  const [session, setSession] = useState("");
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    onMove(session.trim());
  };
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title={t("library.bulk.moveTitle", { count })}>
      <form onSubmit={submit}>
        <TextInput
          data-autofocus
          label={t("upload.session")}
          description={t("library.bulk.moveHint")}
          placeholder={t("upload.sessionPlaceholder")}
          value={session}
          maxLength={100}
          list="known-sessions"
          onChange={(event) => setSession(event.currentTarget.value)}
          data-testid="move-session"
        />
        <datalist id="known-sessions">
          {sessions.map((known) => (known.session === "" ? null : <option key={known.session} value={known.session} />))}
        </datalist>
        <DialogActions onClose={onClose}>
          <Button type="submit" loading={isPending} data-testid="move-confirm">
            {t("library.bulk.move")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
