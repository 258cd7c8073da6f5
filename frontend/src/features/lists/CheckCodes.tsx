import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useUser } from "@/shared/api/session";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import type { Column } from "@/shared/table/props";
import { Table } from "@/shared/table/Table";
import { BAG_STATES } from "@/shared/ui/BagState";
import { Paragraph, Tabs } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { bagAt, BagName, BagTitle } from "../bags/columns";
import { codesIn, MOST } from "./codes";
import { statesFile, statesOf, type BagState, type CodeState } from "./calls";

const AT_ONCE = 200;
/** What a code can come to: a bag's state, or a problem. */
type Outcome = BagState | NonNullable<CodeState["problem"]>;

const outcome = (one: CodeState): Outcome => one.state ?? one.problem ?? "bag_not_found";
const word = (one: Outcome) =>
  t(
    one in BAG_STATES
      ? BAG_STATES[one as BagState].key
      : `lists.check.${one as "bad_code" | "bag_not_found"}`,
  );

const columns = (): Column<CodeState>[] => [
  {
    key: "code",
    name: t("bags.code"),
    value: (one) =>
      one.code != null && one.kind != null && one.state != null ? (
        <BagTitle bag={{ code: one.code, kind: one.kind, state: one.state }} />
      ) : (
        <span class="missing">
          <span class="code">{one.asked}</span>
          <span class="badge" data-state="missing">
            <Icon name="refused" />
            <span class="badge-word">{word(outcome(one))}</span>
          </span>
        </span>
      ),
  },
  {
    key: "count",
    name: t("find.count"),
    number: true,
    value: (one) =>
      one.kind === "parent" && `${number(one.child_count ?? 0)} / ${number(one.expected_children ?? 0)}`,
  },
  {
    key: "parent",
    name: t("find.inside"),
    value: (one) => one.parent != null && <BagName bag={one.parent} />,
  },
  { key: "bill", name: t("find.bill"), value: (one) => one.bill?.number },
  { key: "area", name: t("find.area"), value: (one) => one.area?.name },
];

/** Paste a list of codes and see what each is at. */
export function CheckCodes() {
  const user = useUser();
  const [text, setText] = useState("");
  const [only, setOnly] = useState("");
  const [shown, setShown] = useState(AT_ONCE);
  const codes = codesIn(text);
  const asked = useMutation({
    mutationFn: statesOf,
    onMutate: () => {
      setOnly("");
      setShown(AT_ONCE);
    },
  });
  const results = (asked.data ?? []).map((one, place) => ({ ...one, place }));
  const counts = new Map<Outcome, number>();
  for (const one of results) counts.set(outcome(one), (counts.get(outcome(one)) ?? 0) + 1);
  const chosen = results.filter((one) => only === "" || outcome(one) === only);
  const tooMany = codes.length > MOST;
  return (
    <>
      <form
        class="card check"
        onSubmit={(event) => {
          event.preventDefault();
          if (codes.length > 0 && !tooMany) asked.mutate(codes);
        }}
      >
        <Paragraph
          label={t("lists.check.paste")}
          value={text}
          onValue={setText}
          maxLength={700_000}
          first
          data-codes
        />
        <div class="check-acts">
          <span class="soft" role="status" data-testid="check-count">
            {t(tooMany ? "lists.check.tooMany" : "lists.check.count", { count: codes.length, most: MOST })}
          </span>
          <button
            type="submit"
            class="button"
            data-kind="main"
            data-size="scan"
            disabled={codes.length === 0 || tooMany || asked.isPending}
          >
            <span class={asked.isPending ? "breathing" : ""}>
              <Icon name="list" />
            </span>
            {t("lists.check.go")}
          </button>
        </div>
      </form>
      {asked.isError && (
        <Note tone="refused" alert>
          {errorText(asked.error)}
        </Note>
      )}
      {asked.isSuccess && (
        <Table
          name="check"
          label={t("lists.check")}
          list={{
            rows: chosen.slice(0, shown),
            pending: false,
            old: asked.isPending,
            error: null,
            more: chosen.length > shown ? () => setShown(shown + AT_ONCE) : null,
            fetchingMore: false,
            again: () => undefined,
          }}
          columns={columns()}
          keyOf={(one) => one.place}
          href={(one) => (one.code == null ? undefined : bagAt(one.code))}
          {...(user.role !== "dispatcher" && {
            exports: (format) => statesFile(asked.variables, format),
          })}
          empty={t("table.none.found")}
          testid="check-row"
        >
          <Tabs
            label={t("bills.state")}
            value={only}
            onValue={setOnly}
            options={[
              { value: "", name: `${t("bills.state.all")} ${number(results.length)}` },
              ...[...counts].map(([value, count]) => ({ value, name: `${word(value)} ${number(count)}` })),
            ]}
          />
        </Table>
      )}
    </>
  );
}
