import { Button, Group, Text } from "@mantine/core";
import { Dialog } from "./Dialog";

export interface ConfirmDialogProps {
  isOpen: boolean;
  title: string;
  text: string;
  confirm: string;
  /** What the other button says: that everything stays as it is. */
  keep: string;
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
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={props.onClose} data-autofocus>
          {props.keep}
        </Button>
        <Button
          color={props.isDangerous === true ? "red.8" : "brand"}
          loading={props.isPending === true}
          data-testid={`${props.testId}-confirm`}
          onClick={props.onConfirm}
        >
          {props.confirm}
        </Button>
      </Group>
    </Dialog>
  );
}
