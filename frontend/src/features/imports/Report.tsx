import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { save } from "@/shared/api/files";
import { number } from "@/shared/i18n/i18n";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import type { Tone } from "@/shared/sound/sound";
import { Downloads } from "@/shared/ui/Download";
import { Tabs } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note, ToneIcon } from "@/shared/ui/parts";
import { reportFile, reportRows, type Import, type Verdict } from "./calls";

const VERDICTS: readonly { verdict: Verdict; key: OfficeKey; tone: Tone; count: (one: Import) => number }[] =
  [
    { verdict: "refused", key: "import.rejected", tone: "refused", count: (one) => one.rejected },
    { verdict: "warning", key: "import.warnings", tone: "waiting", count: (one) => one.warnings },
    {
      verdict: "duplicate",
      key: "import.duplicates",
      tone: "already",
      count: (one) => one.duplicates_skipped,
    },
  ];

/** Shows what cannot be seen: such a character is often the very reason. */
const seen = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}]/gu, (one) => `⟨${(one.codePointAt(0) ?? 0).toString(16).toUpperCase()}⟩`);

/** The rows that deserve a look, each with its reason, and the whole report as a file. */
export function Report({ one }: { one: Import }) {
  const some = VERDICTS.filter(({ count }) => count(one) > 0);
  const [chosen, setChosen] = useState<Verdict>(some[0]?.verdict ?? "refused");
  const pages = useInfiniteQuery({
    queryKey: ["import", one.id, "report", chosen, one.finished_at],
    queryFn: ({ pageParam }) => reportRows(one.id, chosen, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    enabled: some.length > 0,
  });
  if (some.length === 0) return null;
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const tone = VERDICTS.find(({ verdict }) => verdict === chosen)?.tone ?? "refused";
  return (
    <section class="card report" aria-labelledby="report" data-testid="report">
      <header class="card-head">
        <h2 id="report">{t("import.report")}</h2>
        <Downloads
          label={t("import.report")}
          files={(["xlsx", "csv"] as const).map((format) => ({
            name: t(`file.${format}`),
            save: () => save(reportFile(one.id, format), `report.${format}`),
          }))}
        />
      </header>
      <Tabs
        label={t("import.report")}
        value={chosen}
        onValue={(value) => setChosen(value as Verdict)}
        options={some.map(({ verdict, key, count }) => ({
          value: verdict,
          name: `${t(key)} (${number(count(one))})`,
        }))}
      />
      {pages.isError && (
        <Note tone="refused" alert>
          {errorText(pages.error)}
        </Note>
      )}
      <ol class="report-rows">
        {rows.map((row) => (
          <li key={`${row.n} ${row.code}`} data-testid="report-row">
            <ToneIcon tone={tone} />
            <span class="report-text">
              <span>{row.detail}</span>
              <span class="soft number">
                {row.row !== null && t("import.where", { sheet: row.sheet, row: number(row.row) })}
                {row.column !== null && `, ${t("import.column", { column: row.column })}`}
              </span>
            </span>
            {(row.value ?? row.bag_code) !== null && (
              <span class="code">{seen(row.value ?? row.bag_code ?? "")}</span>
            )}
          </li>
        ))}
      </ol>
      {pages.hasNextPage && (
        <button type="button" class="button" data-wide onClick={() => void pages.fetchNextPage()}>
          <Icon name="plus" />
          {t("app.more")}
        </button>
      )}
    </section>
  );
}
