import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation, useParams } from "wouter";
import { useAreas } from "@/shared/api/areas";
import { save } from "@/shared/api/files";
import { useCurrentLanguage } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Bar } from "@/shared/ui/Bar";
import { Downloads } from "@/shared/ui/Download";
import { Choice, Line, Tabs } from "@/shared/ui/fields";
import { Note } from "@/shared/ui/parts";
import { AreasView } from "./AreasView";
import { BillsView } from "./BillsView";
import {
  areaReport,
  areasFile,
  billsFile,
  billSummary,
  endOfDay,
  endOfDayFile,
  type Asked,
  type FileFormat,
} from "./calls";
import { DayView } from "./DayView";
import "@/shared/ui/office.css";
import "./reports.css";

const REPORTS = ["day", "bills", "areas"] as const;
type Which = (typeof REPORTS)[number];

const FILES = { day: endOfDayFile, bills: billsFile, areas: areasFile };
const FORMATS: readonly FileFormat[] = ["pdf", "xlsx", "csv"];

const isWhich = (text: string | undefined): text is Which => REPORTS.some((one) => one === text);

/** What was packed and sent: a day, the bills of a period, the areas. */
export default function Reports() {
  const { which: asked } = useParams<{ which?: string }>();
  const [, go] = useLocation();
  const which = isWhich(asked) ? asked : "day";
  return (
    <>
      <Bar title={t("home.reports")} />
      <main class="page office reports">
        <Tabs
          label={t("home.reports")}
          value={which}
          onValue={(value) => go(`/reports/${value}`, { replace: true })}
          options={REPORTS.map((one) => ({ value: one, name: t(`report.${one}`) }))}
        />
        <Report key={which} which={which} />
      </main>
    </>
  );
}

/** A period worth looking at, until somebody chooses another. */
function monthAgo(): string {
  const day = new Date();
  day.setDate(day.getDate() - 29);
  return [day.getFullYear(), day.getMonth() + 1, day.getDate()]
    .map((part) => String(part).padStart(2, "0"))
    .join("-");
}

function Report({ which }: { which: Which }) {
  const areas = useAreas();
  const lang = useCurrentLanguage() === "hi" ? "hi" : "en";
  const [asked, setAsked] = useState<Asked>({ from: which === "day" ? "" : monthAgo(), to: "", area: "" });
  const report = useQuery({
    queryKey: ["report", which, asked],
    queryFn: async () => {
      switch (which) {
        case "day":
          return { which, ...(await endOfDay(asked)) };
        case "bills":
          return { which, ...(await billSummary(asked)) };
        case "areas":
          return { which, ...(await areaReport(asked)) };
      }
    },
    placeholderData: (before) => before,
    staleTime: 0,
    // A day that goes on is worth a fresh look.
    refetchInterval: 30_000,
  });
  const data = report.data;
  // The server knows the site's day; an empty field shows what it chose.
  const to = asked.to || (data === undefined ? "" : data.which === "day" ? data.date : data.to);
  const from = asked.from || (data === undefined || data.which === "day" ? "" : data.from);
  return (
    <>
      <div class="report-ask">
        {which !== "day" && (
          <Line
            type="date"
            label={t("bills.from")}
            value={from}
            onValue={(value) => setAsked((now) => ({ ...now, from: value }))}
          />
        )}
        <Line
          type="date"
          label={t(which === "day" ? "report.date" : "bills.to")}
          value={to}
          onValue={(value) => setAsked((now) => ({ ...now, to: value }))}
        />
        {areas.length > 0 && (
          <Choice
            label={t("find.area")}
            value={asked.area}
            onValue={(area) => setAsked((now) => ({ ...now, area }))}
            options={[
              { value: "", name: t("bills.area.all") },
              ...areas.map((area) => ({ value: String(area.id), name: area.name })),
            ]}
          />
        )}
        <Downloads
          label={t("report.files")}
          files={FORMATS.map((format) => ({
            name: t(`file.${format}`),
            save: () => save(FILES[which](asked, format, lang), `${which}.${format}`),
          }))}
        />
      </div>
      {report.isError && (
        <Note tone="refused" alert>
          {errorText(report.error)}
        </Note>
      )}
      {report.isPending && <p class="middle breathing">{t("app.loading")}</p>}
      {data !== undefined && !report.isError && (
        <div class={`report-body${report.isPlaceholderData ? " breathing" : ""}`} data-testid="report">
          {data.which === "day" && <DayView report={data} />}
          {data.which === "bills" && <BillsView report={data} />}
          {data.which === "areas" && <AreasView report={data} />}
        </div>
      )}
    </>
  );
}
