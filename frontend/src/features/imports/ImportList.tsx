import { useRef, useState } from "react";
import { useLocation } from "wouter";
import { save } from "@/shared/api/files";
import { useUser } from "@/shared/api/session";
import { number } from "@/shared/i18n/i18n";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import type { Column } from "@/shared/table/props";
import { Table, When } from "@/shared/table/Table";
import { useList } from "@/shared/table/useList";
import { Bar } from "@/shared/ui/Bar";
import { Downloads } from "@/shared/ui/Download";
import { ImportDrawing } from "@/shared/ui/drawings";
import { Tabs } from "@/shared/ui/fields";
import { Icon, type IconName } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { listImports, templateFile, upload, type Import, type Kind } from "./calls";

const KINDS: Record<Kind, OfficeKey> = { bags: "import.kind.bags", bills: "import.kind.bills" };

export function ImportList() {
  const user = useUser();
  const [kind, setKind] = useState<Kind>("bags");
  return (
    <>
      <Bar title={t("import.title")} />
      <main class="page office imports">
        {user.role === "admin" && (
          <Tabs
            label={t("import.kind")}
            value={kind}
            onValue={(value) => setKind(value === "bills" ? "bills" : "bags")}
            options={[
              { value: "bags", name: t("import.kind.bags") },
              { value: "bills", name: t("import.kind.bills") },
            ]}
          />
        )}
        <Drop kind={kind} />
        <section class="card template" aria-labelledby="template">
          <div>
            <h2 id="template">{t("import.template")}</h2>
            <p class="soft">{t(kind === "bags" ? "import.template.bags" : "import.template.bills")}</p>
          </div>
          <Downloads
            label={t("import.template")}
            files={(["xlsx", "csv"] as const).map((format) => ({
              name: t(`file.${format}`),
              save: () => save(templateFile(kind, format), `${kind}-template.${format}`),
            }))}
          />
        </section>
        <History />
      </main>
    </>
  );
}

/** Where a file is dropped or chosen. */
function Drop({ kind }: { kind: Kind }) {
  const [, go] = useLocation();
  const [over, setOver] = useState(false);
  const [sending, setSending] = useState<{ name: string; share: number } | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const input = useRef<HTMLInputElement>(null);

  const send = async (file: File | undefined) => {
    if (file === undefined || sending !== null) return;
    setProblem(null);
    setSending({ name: file.name, share: 0 });
    try {
      const held = await upload(file, kind, (share) => setSending({ name: file.name, share }));
      go(`/imports/${held.id}`);
    } catch (error) {
      setProblem(error);
      setSending(null);
    } finally {
      // The same file may be chosen again after it was mended.
      if (input.current !== null) input.current.value = "";
    }
  };

  return (
    <section
      class="drop"
      data-over={over || undefined}
      aria-label={t("import.drop")}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void send(event.dataTransfer?.files[0]);
      }}
    >
      <ImportDrawing class="drop-drawing" />
      {sending === null ? (
        <>
          <p class="drop-ask">{t("import.drop")}</p>
          <p class="soft">{t("import.drop.kinds")}</p>
          <button
            type="button"
            class="button"
            data-kind="main"
            data-size="scan"
            onClick={() => input.current?.click()}
          >
            <Icon name="file" />
            {t("import.choose")}
          </button>
        </>
      ) : (
        <div class="sending" role="status">
          <p class="drop-ask">{t("import.sending", { name: sending.name })}</p>
          <div class="meter">
            <span style={{ width: `${sending.share * 100}%` }} />
          </div>
        </div>
      )}
      <input
        ref={input}
        type="file"
        class="hidden-visually"
        tabIndex={-1}
        aria-label={t("import.choose")}
        accept=".xlsx,.csv,text/csv,application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        onChange={(event) => void send(event.currentTarget.files?.[0])}
      />
      {problem !== null && (
        <Note tone="refused" alert>
          {errorText(problem)}
        </Note>
      )}
    </section>
  );
}

interface Look {
  key: OfficeKey;
  icon: IconName;
  tone: "ok" | "waiting" | "refused" | "none";
}

/** Whether a completed import has changed nothing. */
export const nothingCame = (one: Import): boolean =>
  one.links_created + one.parents_alone + one.parents_packed + one.bills_created + one.parents_completed ===
  0;

/** An import's state in a word. */
export function lookOf(one: Import): Look {
  if (one.held && one.state === "queued") return { key: "import.state.held", icon: "eye", tone: "waiting" };
  switch (one.state) {
    case "queued":
      return { key: "import.state.queued", icon: "waiting", tone: "waiting" };
    case "running":
      return { key: "import.state.running", icon: "waiting", tone: "waiting" };
    case "failed":
      return { key: "import.state.failed", icon: "refused", tone: "refused" };
    case "cancelled":
      return { key: "import.state.cancelled", icon: "close", tone: "none" };
    case "completed":
      if (one.undone_at !== null) return { key: "import.state.undone", icon: "undo", tone: "none" };
      if (one.dry_run) return { key: "import.state.tried", icon: "eye", tone: "none" };
      if (nothingCame(one) && one.rejected > 0)
        return { key: "import.state.refused", icon: "refused", tone: "refused" };
      return { key: "import.state.completed", icon: "ok", tone: "ok" };
  }
}

const columns = (): Column<Import>[] => [
  {
    key: "file",
    name: t("import.file"),
    value: (one) => {
      const look = lookOf(one);
      return (
        <>
          <strong class="import-name">{one.file_name}</strong>
          <span class="badge" data-tone={look.tone}>
            <Icon name={look.icon} />
            {t(look.key)}
          </span>
        </>
      );
    },
  },
  { key: "kind", name: t("import.kind"), value: (one) => t(KINDS[one.kind]) },
  { key: "area", name: t("find.area"), extra: true, value: (one) => one.area?.name },
  {
    key: "rows",
    name: t("import.total"),
    number: true,
    value: (one) => (one.rows_total === null ? null : number(one.rows_total)),
  },
  {
    key: "refused",
    name: t("import.rejected"),
    number: true,
    value: (one) => one.rejected > 0 && <span class="import-refused">{number(one.rejected)}</span>,
  },
  { key: "by", name: t("bill.by"), value: (one) => one.created_by.username },
  { key: "at", name: t("bill.made"), value: (one) => <When at={one.created_at} /> },
];

function History() {
  const list = useList(["imports"], listImports, { every: 10_000 });
  return (
    <section class="import-history" aria-labelledby="history">
      <h2 id="history">{t("import.history")}</h2>
      <Table
        name="imports"
        label={t("import.history")}
        list={list}
        keyOf={(one) => one.id}
        href={(one) => `/imports/${one.id}`}
        columns={columns()}
        empty={t("import.history.none")}
        testid="import-row"
      />
    </section>
  );
}

export const rate = (one: Import): string =>
  one.rows_per_second == null ? "" : t("import.rate", { rows: number(Math.round(one.rows_per_second)) });
