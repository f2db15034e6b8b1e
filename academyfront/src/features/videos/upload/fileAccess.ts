import { VIDEO_EXTENSIONS } from "./fileCheck";

/** A file and, where the browser has such a thing, what reads it again on a later visit. */
export interface ChosenFile {
  file: File;
  handle: FileSystemFileHandle | null;
}

// Of the File System Access API TypeScript knows the handles, and not what only some browsers have.
// https://wicg.github.io/file-system-access/
interface PermittedHandle extends FileSystemFileHandle {
  queryPermission?: (descriptor: { mode: "read" }) => Promise<PermissionState>;
  requestPermission?: (descriptor: { mode: "read" }) => Promise<PermissionState>;
}

interface PickerWindow {
  showOpenFilePicker?: (options: {
    multiple: boolean;
    types: { accept: Record<string, string[]> }[];
  }) => Promise<FileSystemFileHandle[]>;
}

interface HandleItem {
  getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>;
}

export function canPickHandles(): boolean {
  return (window as PickerWindow).showOpenFilePicker !== undefined;
}

/** Let the person choose. Null: they have thought better of it. */
export async function pickFiles(options: { multiple: boolean }): Promise<ChosenFile[] | null> {
  const { showOpenFilePicker } = window as PickerWindow;
  if (showOpenFilePicker === undefined) return null;
  const accept = { "video/*": VIDEO_EXTENSIONS.map((extension) => `.${extension}`) };
  try {
    const handles = await showOpenFilePicker({ ...options, types: [{ accept }] });
    return await Promise.all(handles.map(async (handle) => ({ file: await handle.getFile(), handle })));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return null;
    throw error;
  }
}

/** Must be called while the drop event is being handled: afterwards the browser has taken its contents back. */
export function filesOfDrop(transfer: DataTransfer): Promise<ChosenFile[]> {
  const items = Array.from(transfer.items).filter(({ kind }) => kind === "file");
  const handles = items.map((item) => (item as HandleItem).getAsFileSystemHandle?.() ?? Promise.resolve(null));
  const files = Array.from(transfer.files);
  return Promise.all(
    files.map(async (file, index) => {
      const handle = await handles[index]?.catch(() => null);
      return { file, handle: isFileHandle(handle) ? handle : null };
    }),
  );
}

/** Whether the file can be read without asking anybody. */
export async function isReadable(handle: FileSystemFileHandle): Promise<boolean> {
  return (await (handle as PermittedHandle).queryPermission?.({ mode: "read" })) === "granted";
}

/** Read a file that an earlier visit knew. Null: the person said no, or the file is not there any more. */
export async function readAgain(handle: FileSystemFileHandle): Promise<File | null> {
  try {
    const permission = (await isReadable(handle))
      ? "granted"
      : await (handle as PermittedHandle).requestPermission?.({ mode: "read" });
    return permission === "granted" ? await handle.getFile() : null;
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

function isFileHandle(handle: FileSystemHandle | null | undefined): handle is FileSystemFileHandle {
  return handle?.kind === "file";
}
