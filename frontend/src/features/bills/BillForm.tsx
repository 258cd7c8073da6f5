import { useState } from "react";
import { useAreas } from "@/shared/api/areas";
import { ApiProblem } from "@/shared/api/problems";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Choice, Line, Paragraph } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import { changeBill, createBill, getBill, type Bill } from "./calls";

interface Draft {
  number: string;
  destination: string;
  vehicle: string;
  target: string;
  description: string;
  area: string;
  destinationArea: string;
}

const LABELS: Record<keyof Draft, OfficeKey> = {
  number: "bill.number",
  destination: "bill.destination",
  vehicle: "bill.vehicle",
  target: "bill.target",
  description: "bill.description",
  area: "bill.area",
  destinationArea: "bill.destinationArea",
};

const draftOf = (bill: Bill | null): Draft => ({
  number: bill?.number ?? "",
  destination: bill?.destination ?? "",
  vehicle: bill?.vehicle ?? "",
  target: bill?.target_parents?.toString() ?? "",
  description: bill?.description ?? "",
  area: bill?.area?.id.toString() ?? "",
  destinationArea: bill?.destination_area?.id.toString() ?? "",
});

const whole = (text: string): number | null => (text.trim() === "" ? null : Number(text));

const bodyOf = (draft: Draft) => ({
  destination: draft.destination,
  vehicle: draft.vehicle,
  description: draft.description,
  target_parents: whole(draft.target),
  area_id: whole(draft.area),
  destination_area_id: whole(draft.destinationArea),
  ...(draft.number.trim() === "" ? {} : { number: draft.number }),
});

interface BillFormProps {
  bill: Bill | null;
  onClose: () => void;
  onSaved: (bill: Bill) => void;
}

/** Makes a bill, or changes one. When somebody else changed it meanwhile, both versions are shown. */
export function BillForm({ bill, onClose, onSaved }: BillFormProps) {
  const areas = useAreas();
  const [draft, setDraft] = useState(() => draftOf(bill));
  const [base, setBase] = useState(bill);
  const [theirs, setTheirs] = useState<Bill | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const set = (name: keyof Draft) => (value: string) => setDraft((now) => ({ ...now, [name]: value }));

  const save = async (known: Bill | null) => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      onSaved(
        known === null
          ? await createBill(bodyOf(draft))
          : await changeBill(known.id, known.etag, bodyOf(draft)),
      );
      onClose();
    } catch (error) {
      if (known !== null && error instanceof ApiProblem && error.problem.code === "stale") {
        await getBill(known.id).then(setTheirs, setProblem);
      } else setProblem(error);
    } finally {
      setBusy(false);
    }
  };

  const named = (name: keyof Draft, value: string): string => {
    if (value === "") return t("bill.nothing");
    const isArea = name === "area" || name === "destinationArea";
    return isArea ? (areas.find((area) => area.id.toString() === value)?.name ?? value) : value;
  };
  const options = [
    { value: "", name: t("find.noArea") },
    ...areas
      .filter((area) => !area.disabled || [draft.area, draft.destinationArea].includes(String(area.id)))
      .map((area) => ({ value: String(area.id), name: area.name })),
  ];

  if (theirs !== null) {
    const other = draftOf(theirs);
    const names = Object.keys(LABELS) as (keyof Draft)[];
    const different = names.filter((name) => other[name] !== draft[name]);
    return (
      <Sheet title={t("bill.stale")} onClose={onClose}>
        <div class="sheet-body">
          <p>{t("bill.stale.why", { number: theirs.number })}</p>
          {different.length === 0 ? (
            <Note tone="ok">{t("bill.stale.same")}</Note>
          ) : (
            <table class="compare">
              <thead>
                <tr>
                  <td />
                  <th scope="col">{t("bill.stale.theirs")}</th>
                  <th scope="col">{t("bill.stale.yours")}</th>
                </tr>
              </thead>
              <tbody>
                {different.map((name) => (
                  <tr key={name}>
                    <th scope="row">{t(LABELS[name])}</th>
                    <td>{named(name, other[name])}</td>
                    <td>{named(name, draft[name])}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {theirs.state === "completed" && <Note tone="refused">{t("problem.bill_completed")}</Note>}
          {problem !== null && (
            <Note tone="refused" alert>
              {errorText(problem)}
            </Note>
          )}
        </div>
        <div class="sheet-acts">
          <button
            type="button"
            class="button"
            data-first
            onClick={() => {
              onSaved(theirs);
              onClose();
            }}
          >
            {t("bill.stale.take")}
          </button>
          {theirs.state !== "completed" && different.length > 0 && (
            <button
              type="button"
              class="button"
              data-kind="main"
              onClick={() => {
                setBase(theirs);
                setTheirs(null);
                void save(theirs);
              }}
            >
              {t("bill.stale.mine")}
            </button>
          )}
        </div>
      </Sheet>
    );
  }

  return (
    <Sheet title={t(bill === null ? "bills.new" : "bill.edit")} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save(base);
        }}
      >
        <div class="sheet-body form-grid">
          <Line
            label={t("bill.destination")}
            value={draft.destination}
            maxLength={200}
            first
            name="destination"
            onValue={set("destination")}
          />
          <Line
            label={t("bill.vehicle")}
            value={draft.vehicle}
            maxLength={64}
            name="vehicle"
            onValue={set("vehicle")}
          />
          <Line
            label={t("bill.target")}
            type="number"
            min={1}
            max={1_000_000}
            value={draft.target}
            name="target"
            onValue={set("target")}
          />
          <Line
            label={t("bill.number")}
            hint={bill === null ? t("bill.number.hint") : undefined}
            value={draft.number}
            maxLength={64}
            name="number"
            required={bill !== null}
            onValue={set("number")}
          />
          {areas.length > 0 && (
            <>
              <Choice label={t("bill.area")} value={draft.area} options={options} onValue={set("area")} />
              <Choice
                label={t("bill.destinationArea")}
                value={draft.destinationArea}
                options={options}
                onValue={set("destinationArea")}
              />
            </>
          )}
          <div class="span">
            <Paragraph
              label={t("bill.description")}
              value={draft.description}
              maxLength={2000}
              onValue={set("description")}
            />
          </div>
          {problem !== null && (
            <div class="span">
              <Note tone="refused" alert>
                {errorText(problem)}
              </Note>
            </div>
          )}
        </div>
        <div class="sheet-acts">
          <button type="button" class="button" onClick={onClose}>
            {t("app.close")}
          </button>
          <button type="submit" class="button" data-kind="main" aria-disabled={busy}>
            <Icon name={bill === null ? "plus" : "ok"} />
            {t(bill === null ? "bill.create" : "bill.save")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
