import { useLocation, useParams } from "wouter";
import { t } from "@/shared/i18n/admin";
import { Bar } from "@/shared/ui/Bar";
import { Tabs } from "@/shared/ui/fields";
import "@/shared/ui/office.css";
import { AreaList } from "./AreaList";
import { BagTypes } from "./BagTypes";
import { Patterns } from "./Patterns";
import "./places.css";

const PLACES = { areas: AreaList, types: BagTypes, patterns: Patterns };
type Which = keyof typeof PLACES;
const WHICH = Object.keys(PLACES) as Which[];

/** What this site has: its areas, its types of bags, and how its labels are read. */
export default function Places() {
  const { which: asked } = useParams<{ which?: string }>();
  const [, go] = useLocation();
  const which = WHICH.find((one) => one === asked) ?? "areas";
  const Shown = PLACES[which];
  return (
    <>
      <Bar title={t("places.title")} />
      <main class="page office">
        <Tabs
          label={t("places.title")}
          value={which}
          onValue={(value) => go(`/places/${value}`, { replace: true })}
          options={WHICH.map((one) => ({ value: one, name: t(`places.${one}`) }))}
        />
        <Shown />
      </main>
    </>
  );
}
