import { t } from "@/shared/i18n/office";
import { Note } from "@/shared/ui/parts";
import type { SheetNotice } from "./calls";

/** Sheets that were not read, or were read differently than it may seem. */
export function Notices({ notices }: { notices: readonly SheetNotice[] }) {
  if (notices.length === 0) return null;
  return (
    <ul class="notices" aria-label={t("import.notices")} data-testid="notices">
      {notices.map((notice) => (
        <li key={`${notice.sheet} ${notice.code}`}>
          <Note tone={notice.skipped && notice.code !== "sheet_empty" ? "waiting" : "already"}>
            {notice.sheet !== "" && <strong>{notice.sheet}: </strong>}
            {notice.skipped && `${t("import.notRead")}. `}
            {notice.detail}
          </Note>
        </li>
      ))}
    </ul>
  );
}
