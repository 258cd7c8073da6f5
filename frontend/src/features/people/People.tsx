import { useLocation, useParams } from "wouter";
import { t } from "@/shared/i18n/admin";
import { Bar } from "@/shared/ui/Bar";
import { Tabs } from "@/shared/ui/fields";
import "@/shared/ui/office.css";
import "./people.css";
import { PeopleList } from "./PeopleList";
import { PersonPage } from "./PersonPage";
import { Requests } from "./Requests";

/** Who may do what: everybody, one person, and who asks to come in or for another role. */
export default function People() {
  const { which } = useParams<{ which?: string }>();
  const [, go] = useLocation();
  if (which !== undefined && /^\d+$/.test(which)) return <PersonPage key={which} id={Number(which)} />;
  const requests = which === "requests";
  return (
    <>
      <Bar title={t("people.title")} />
      <main class="page office">
        <Tabs
          label={t("people.title")}
          value={requests ? "requests" : "list"}
          onValue={(value) => go(value === "requests" ? "/people/requests" : "/people", { replace: true })}
          options={[
            { value: "list", name: t("people.list") },
            { value: "requests", name: t("people.requests") },
          ]}
        />
        {requests ? <Requests /> : <PeopleList />}
      </main>
    </>
  );
}
