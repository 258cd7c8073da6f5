import { Link } from "wouter";
import type { Bag, BagRef } from "@/shared/api/types";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import type { Column } from "@/shared/table/props";
import { When } from "@/shared/table/Table";
import { BagBadge } from "@/shared/ui/BagState";
import { BigBag, SmallBag } from "@/shared/ui/icons";

export const bagAt = (code: string) => `/find?code=${encodeURIComponent(code)}`;

/** A bag that is named beside another, as a way to it. */
export function BagName({ bag }: { bag: BagRef }) {
  return (
    <Link href={bagAt(bag.code)} class="inline-link code">
      {bag.code}
    </Link>
  );
}

/** A bag's code with the picture of its kind, and what it is at. */
export function BagTitle({ bag }: { bag: Pick<Bag, "code" | "kind" | "state"> }) {
  return (
    <>
      {bag.kind === "parent" ? <BigBag class="row-bag" /> : <SmallBag class="row-bag" />}
      <span class="hidden-visually">{t(bag.kind === "parent" ? "find.parent" : "find.child")}</span>
      <span class="code">{bag.code}</span>
      <BagBadge state={bag.state} />
    </>
  );
}

/** What every list of bags can show. */
export const bagColumns = (): Column<Bag>[] => [
  { key: "code", name: t("bags.code"), value: (bag) => <BagTitle bag={bag} />, sort: { up: "code" } },
  {
    key: "count",
    name: t("find.count"),
    number: true,
    value: (bag) =>
      bag.kind === "parent" && (
        <>
          <strong>{number(bag.child_count)}</strong>
          {bag.expected_children !== null && ` / ${number(bag.expected_children)}`}
        </>
      ),
  },
  {
    key: "weight",
    name: t("find.weight"),
    number: true,
    value: (bag) => t("find.weight.kg", { kg: number(bag.weight_kg) }),
  },
  {
    key: "parent",
    name: t("find.inside"),
    value: (bag) => bag.parent !== null && <BagName bag={bag.parent} />,
  },
  { key: "bill", name: t("find.bill"), value: (bag) => bag.bill?.number },
  { key: "area", name: t("find.area"), value: (bag) => bag.area?.name },
  { key: "type", name: t("bags.type"), extra: true, value: (bag) => bag.bag_type?.name },
  { key: "lot", name: t("bags.lot"), extra: true, value: (bag) => bag.lot },
  { key: "variety", name: t("bags.variety"), extra: true, value: (bag) => bag.variety },
  { key: "tag", name: t("bags.tag"), extra: true, value: (bag) => bag.tag },
  {
    key: "made",
    name: t("bags.made"),
    value: (bag) => <When at={bag.created_at} />,
    sort: { up: "oldest", down: "newest" },
  },
  { key: "changed", name: t("bags.changed"), extra: true, value: (bag) => <When at={bag.updated_at} /> },
];
