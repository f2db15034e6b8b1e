import { Button, Text } from "@mantine/core";
import { Dialog } from "./Dialog";
import { DialogActions } from "./DialogActions";

export interface ConfirmDialogProps {
  isOpen: boolean;
  title: string;
  text: string;
  confirm: string;
  /** What the other button says, if there is more to say than that everything stays as it is. */
  keep?: string | undefined;
  testId: string;
  isPending?: boolean;
  isDangerous?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something that cannot be taken back. The safe answer has the focus. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  return (
    <Dialog isOpen={props.isOpen} onClose={props.onClose} title={props.title}>
      <Text c="var(--text-soft)">{props.text}</Text>
      <DialogActions onClose={props.onClose} keep={props.keep} isKeepFocused>
        <Button
          color={props.isDangerous === true ? "red.8" : "brand"}
          loading={props.isPending === true}
          data-testid={`${props.testId}-confirm`}
          onClick={props.onConfirm}
        >
          {props.confirm}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
