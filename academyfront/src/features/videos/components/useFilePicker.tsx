import { useRef, type ReactNode } from "react";
import { toastProblem } from "@/shared/ui/toasts";
import { canPickHandles, pickFiles, type ChosenFile } from "../upload/fileAccess";
import { FILE_INPUT_ACCEPT } from "../upload/fileCheck";

interface FilePickerOptions {
  label: string;
  testId: string;
  multiple?: boolean;
  onChosen: (files: ChosenFile[]) => void;
}

/** Opens the browser's picker: the one that lets a later visit read the file again, where there is such a thing. */
export function useFilePicker({ label, testId, multiple = false, onChosen }: FilePickerOptions): {
  open: () => void;
  /** Must be rendered somewhere. */
  input: ReactNode;
} {
  const input = useRef<HTMLInputElement>(null);
  const open = () => {
    if (!canPickHandles()) {
      input.current?.click();
      return;
    }
    pickFiles({ multiple }).then((files) => {
      if (files !== null && files.length > 0) onChosen(files);
    }, toastProblem);
  };
  return {
    open,
    input: (
      <input
        ref={input}
        type="file"
        multiple={multiple}
        hidden
        accept={FILE_INPUT_ACCEPT}
        aria-label={label}
        data-testid={testId}
        onChange={(event) => {
          const files = Array.from(event.currentTarget.files ?? [], (file) => ({ file, handle: null }));
          // The same file may be chosen again after it failed.
          event.currentTarget.value = "";
          if (files.length > 0) onChosen(files);
        }}
      />
    ),
  };
}
