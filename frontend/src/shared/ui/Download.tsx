import { useState } from "react";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Icon, type IconName } from "./icons";
import { Note } from "./parts";

export interface DownloadProps {
  name: string;
  icon?: IconName;
  kind?: "main";
  save: () => Promise<void>;
}

/** Buttons that fetch a file each; one at a time, and whatever goes wrong is said below them. */
export function Downloads({ label, files }: { label: string; files: readonly DownloadProps[] }) {
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const fetchOne = async ({ name, save }: DownloadProps) => {
    if (busy !== null) return;
    setBusy(name);
    setProblem(null);
    try {
      await save();
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(null);
    }
  };
  return (
    <div class="downloads" role="group" aria-label={label}>
      {files.map((file) => (
        <button
          key={file.name}
          type="button"
          class="button"
          data-kind={file.kind}
          aria-disabled={busy !== null}
          onClick={() => void fetchOne(file)}
        >
          <span class={busy === file.name ? "breathing" : ""}>
            <Icon name={file.icon ?? "download"} />
          </span>
          {file.name}
        </button>
      ))}
      <span class="hidden-visually" role="status">
        {busy === null ? "" : t("file.making", { name: busy })}
      </span>
      {problem !== null && (
        <Note tone="refused" alert>
          {errorText(problem)}
        </Note>
      )}
    </div>
  );
}
