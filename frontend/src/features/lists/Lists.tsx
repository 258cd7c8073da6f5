import { useLocation, useParams } from "wouter";
import { t } from "@/shared/i18n/office";
import { Bar } from "@/shared/ui/Bar";
import { Tabs } from "@/shared/ui/fields";
import { CheckCodes } from "./CheckCodes";
import { Conflicts } from "./Conflicts";
import { EmptyBags, LeftOpenBags, UnbilledBags } from "./BagLists";
import { WorkList } from "./WorkList";
import "@/shared/ui/office.css";
import "../bags/bags.css";
import "./lists.css";

const LISTS = {
  "left-open": LeftOpenBags,
  empty: EmptyBags,
  unbilled: UnbilledBags,
  conflicts: Conflicts,
  work: WorkList,
  check: CheckCodes,
} as const;
type Which = keyof typeof LISTS;
const NAMES = Object.keys(LISTS) as Which[];

const isWhich = (text: string | undefined): text is Which => text !== undefined && text in LISTS;

/** What a supervisor looks through at the end of a shift. */
export default function Lists() {
  const { which: asked } = useParams<{ which?: string }>();
  const [, go] = useLocation();
  const which = isWhich(asked) ? asked : "left-open";
  const List = LISTS[which];
  return (
    <>
      <Bar title={t("home.lists")} />
      <main class="page office lists">
        <Tabs
          label={t("home.lists")}
          value={which}
          onValue={(value) => go(`/lists/${value}`, { replace: true })}
          options={NAMES.map((value) => ({ value, name: t(`lists.${value}`) }))}
        />
        <p class="soft">{t(`lists.${which}.about`)}</p>
        <List key={which} />
      </main>
    </>
  );
}
