import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { useAreas } from "@/shared/api/areas";
import { number } from "@/shared/i18n/i18n";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Choice } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import {
  previewImport,
  startImport,
  type Import,
  type Kind,
  type Preview,
  type SheetGuess,
  type SheetMapping,
  type Shape,
} from "./calls";
import { Notices } from "./Notices";
import { columnLetters, giveRole, ROLES, SHAPES, type Role } from "./mapping";

const ROLE_NAMES: Record<Role, OfficeKey> = {
  serial: "import.role.serial",
  parent: "import.role.parent",
  child: "import.role.child",
  bill: "import.role.bill",
  area: "import.role.area",
  type: "import.role.type",
  lot: "import.role.lot",
  variety: "import.role.variety",
  tag: "import.role.tag",
};

const SHAPE_NAMES: Record<Shape, OfficeKey> = {
  pairs: "import.shape.pairs",
  packing: "import.shape.packing",
  bill_pairs: "import.shape.bill_pairs",
  bill_rows: "import.shape.bill_rows",
};

interface PreparingProps {
  one: Import;
  onStarted: (now: Import) => void;
}

/** The file's first rows and how its columns are understood, before anything is written. */
export function Preparing({ one, onStarted }: PreparingProps) {
  const preview = useQuery({
    queryKey: ["import", one.id, "preview"],
    queryFn: () => previewImport(one.id),
    staleTime: Infinity,
  });
  if (preview.isPending)
    return (
      <p class="middle breathing" role="status">
        {t("import.reading")}
      </p>
    );
  if (preview.isError)
    return (
      <>
        <Note tone="refused" alert>
          {errorText(preview.error)}
        </Note>
        <Link href="/imports" class="button" data-kind="main">
          {t("import.other")}
        </Link>
      </>
    );
  return <Check one={one} preview={preview.data} onStarted={onStarted} />;
}

const mappingOf = (sheet: SheetGuess): SheetMapping => ({
  name: sheet.name,
  use: sheet.use,
  shape: sheet.shape ?? "pairs",
  header_row: sheet.header_row,
  columns: sheet.columns,
});

function Check({ one, preview, onStarted }: PreparingProps & { preview: Preview }) {
  const areas = useAreas().filter((area) => !area.disabled);
  const [sheets, setSheets] = useState(() =>
    preview.sheets.map((sheet) => ({ ...mappingOf(sheet), shape: sheet.shape ?? SHAPES[one.kind][0] })),
  );
  const [area, setArea] = useState(one.area?.id.toString() ?? "");
  const [again, setAgain] = useState(false);
  const packing = sheets.some((sheet) => sheet.use && sheet.shape === "packing");
  const [complete, setComplete] = useState(one.complete_parents);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);

  const start = async (dry_run: boolean) => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      onStarted(
        await startImport(one.id, {
          mapping: sheets,
          area_id: area === "" ? null : Number(area),
          dry_run,
          complete_parents: complete ?? packing,
          confirm: again,
        }),
      );
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  const used = sheets.some((sheet) => sheet.use);
  const mayImport = used && (preview.same_as === null || again);
  return (
    <>
      {preview.sheets.map((sheet, at) => (
        <Sheet
          key={`${at} ${sheet.name}`}
          sheet={sheet}
          kind={one.kind}
          mapping={sheets[at] ?? mappingOf(sheet)}
          onMapping={(changed) => setSheets((now) => now.map((old, place) => (place === at ? changed : old)))}
        />
      ))}
      <section class="card start" aria-label={t("import.start")}>
        {areas.length > 0 && (
          <Choice
            label={t("import.area")}
            value={area}
            onValue={setArea}
            options={[
              { value: "", name: t("find.noArea") },
              ...areas.map((one) => ({ value: String(one.id), name: one.name })),
            ]}
          />
        )}
        {preview.same_as !== null && (
          <label class="confirm">
            <input
              type="checkbox"
              checked={again}
              onChange={(event) => setAgain(event.currentTarget.checked)}
            />
            <span>{t("import.repeated")}</span>
          </label>
        )}
        {one.kind === "bags" && (
          <label class="confirm">
            <input
              type="checkbox"
              checked={complete ?? packing}
              onChange={(event) => setComplete(event.currentTarget.checked)}
            />
            <span>{t(packing ? "import.complete.packing" : "import.complete")}</span>
          </label>
        )}
        {!used && <Note tone="waiting">{t("import.noSheet")}</Note>}
        {problem !== null && (
          <Note tone="refused" alert>
            {errorText(problem)}
          </Note>
        )}
        <div class="acts">
          <button
            type="button"
            class="button"
            data-size="scan"
            disabled={!used || busy}
            onClick={() => void start(true)}
          >
            <Icon name="eye" />
            {t("import.try")}
          </button>
          <button
            type="button"
            class="button"
            data-kind="main"
            data-size="scan"
            disabled={!mayImport || busy}
            onClick={() => void start(false)}
          >
            <Icon name="in" />
            {t("import.go")}
          </button>
        </div>
        <p class="soft">{t("import.try.why")}</p>
      </section>
    </>
  );
}

interface SheetProps {
  sheet: SheetGuess;
  kind: Kind;
  mapping: SheetMapping;
  onMapping: (mapping: SheetMapping) => void;
}

function Sheet({ sheet, kind, mapping, onMapping }: SheetProps) {
  const columns = mapping.columns ?? {};
  const header = mapping.header_row ?? null;
  const width = Math.max(sheet.width, ...sheet.sample.map((row) => row.length), 0);
  const roleAt = (column: number): Role | "" => ROLES[kind].find((role) => columns[role] === column) ?? "";
  return (
    <section
      class="card sheet-guess"
      aria-label={t("import.sheet", { name: sheet.name })}
      data-testid="sheet"
    >
      <header class="card-head">
        <label class="confirm">
          <input
            type="checkbox"
            checked={mapping.use}
            onChange={(event) => onMapping({ ...mapping, use: event.currentTarget.checked })}
          />
          <strong>{sheet.name}</strong>
          <span class="soft number">
            {t("import.rows", { count: header === null ? sheet.rows : Math.max(0, sheet.rows - header - 1) })}
          </span>
          {sheet.hidden && <span class="soft">{t("import.hidden")}</span>}
        </label>
      </header>
      {sheet.problem_sentence !== null && <Note tone="waiting">{sheet.problem_sentence}</Note>}
      <Notices notices={sheet.notices} />
      {mapping.use && (
        <>
          <div class="guess-choices">
            <Choice
              label={t("import.shape")}
              value={mapping.shape}
              onValue={(shape) => onMapping({ ...mapping, shape: shape as Shape })}
              options={SHAPES[kind].map((shape) => ({ value: shape, name: t(SHAPE_NAMES[shape]) }))}
            />
            <Choice
              label={t("import.header")}
              value={header === null ? "" : String(header)}
              onValue={(row) => onMapping({ ...mapping, header_row: row === "" ? null : Number(row) })}
              options={[
                { value: "", name: t("import.header.none") },
                ...sheet.sample.map((_, at) => ({
                  value: String(at),
                  name: t("import.header.row", { row: number(at + 1) }),
                })),
              ]}
            />
          </div>
          <div class="sample" tabIndex={0} role="region" aria-label={t("import.sample")}>
            <table>
              <thead>
                <tr>
                  <th scope="col">
                    <span class="hidden-visually">{t("import.row")}</span>
                  </th>
                  {Array.from({ length: width }, (_, column) => {
                    const role = roleAt(column);
                    return (
                      <th key={column} scope="col" data-role={role || undefined}>
                        <span class="soft">{columnLetters(sheet.first_column + column)}</span>
                        <select
                          aria-label={t("import.column", {
                            column: columnLetters(sheet.first_column + column),
                          })}
                          value={role}
                          onChange={(event) =>
                            onMapping({
                              ...mapping,
                              columns: giveRole(columns, column, event.currentTarget.value as Role | ""),
                            })
                          }
                        >
                          <option value="">{t("import.role.none")}</option>
                          {ROLES[kind].map((one) => (
                            <option key={one} value={one}>
                              {t(ROLE_NAMES[one])}
                            </option>
                          ))}
                        </select>
                      </th>
                    );
                  })}
                </tr>
              </thead>
              <tbody>
                {sheet.sample.map((row, at) => (
                  <tr
                    key={at}
                    data-part={header === null || at > header ? "data" : at === header ? "header" : "above"}
                  >
                    <th scope="row" class="number soft">
                      {number(at + 1)}
                    </th>
                    {Array.from({ length: width }, (_, column) => (
                      <td key={column} data-role={roleAt(column) || undefined}>
                        {row[column]}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}
