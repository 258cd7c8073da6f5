import type { ComponentType } from "preact";
import { lazy, Suspense } from "preact/compat";
import { useContext, useEffect, useState } from "react";
import { Link } from "wouter";
import { useUser } from "@/shared/api/session";
import type { Role } from "@/shared/api/types";
import { t, type MessageKey } from "@/shared/i18n/i18n";
import type { LineScan } from "@/shared/queue/records";
import { scanStore } from "@/shared/queue/store";
import { HelpLink, LinkPill, NewVersion } from "@/shared/ui/Bar";
import {
  BillDrawing,
  FindDrawing,
  ImportDrawing,
  ProfileDrawing,
  ReceiveDrawing,
  ReportDrawing,
  ReturnDrawing,
} from "@/shared/ui/drawings";
import { Icon, ScanDrawing, type IconName } from "@/shared/ui/icons";
import "./home.css";

const LeftScans = lazy(async () => {
  const { loadOffice } = await import("@/shared/i18n/office");
  const [loaded] = await Promise.all([import("./LeftScans"), loadOffice()]);
  return loaded;
});

interface HomeJob {
  path: string;
  group: "floor" | "desk" | "oversight";
  icon: IconName;
  name: MessageKey;
  hint: MessageKey;
  roles: readonly Role[];
}

/** So few jobs have a screen for themselves; more stand in groups. */
const FEW = 4;

const drawings: Record<string, ComponentType<{ class?: string }>> = {
  "/bills": BillDrawing,
  "/scan": ScanDrawing,
  "/find": FindDrawing,
  "/receive": ReceiveDrawing,
  "/reports": ReportDrawing,
  "/returns": ReturnDrawing,
  "/imports": ImportDrawing,
  "/profile": ProfileDrawing,
};

/** One huge button for each job the role has. */
export default function Home({ jobs }: { jobs: readonly HomeJob[] }) {
  const user = useUser();
  const startNewVersion = useContext(NewVersion);
  const mine = jobs.filter((job) => job.roles.includes(user.role));
  return (
    <>
      <header class="bar home-bar">
        <div class="home-who">
          <h1>{t("home.hello", { name: user.full_name || user.username })}</h1>
          <p class="soft">
            {t(`role.${user.role}`)}
            {user.area && (
              <span class="home-area">
                <Icon name="area" />
                {user.area.name}
              </span>
            )}
          </p>
        </div>
        <LinkPill />
        <HelpLink />
      </header>
      <main class="page home">
        {startNewVersion !== null && (
          <button type="button" class="button" data-size="scan" onClick={startNewVersion}>
            <Icon name="again" />
            {t("home.newVersion")}
          </button>
        )}
        <Left userId={user.id} />
        <h2 class="hidden-visually">{t("home.jobs")}</h2>
        <nav aria-label={t("home.jobs")}>
          {mine.length <= FEW ? <Tiles jobs={mine} /> : <Grouped jobs={mine} />}
        </nav>
      </main>
    </>
  );
}

/** Scans at a bill, a receipt or a return whose page was closed before they had their answer. */
function Left({ userId }: { userId: number }) {
  const [left, setLeft] = useState<LineScan[]>([]);
  useEffect(() => {
    void scanStore()
      .then((store) => store.lines(userId))
      .then(setLeft);
  }, [userId]);
  if (left.length === 0) return null;
  const forget = (scanId: string) => {
    setLeft((now) => now.filter((scan) => scan.scan_id !== scanId));
    void scanStore().then((store) => store.dropLine(scanId));
  };
  return (
    <Suspense fallback={null}>
      <LeftScans left={left} forget={forget} />
    </Suspense>
  );
}

function Tiles({ jobs, small }: { jobs: readonly HomeJob[]; small?: boolean }) {
  return (
    <ul class={small === true ? "tiles" : "jobs"}>
      {jobs.map(({ path, icon, name, hint }) => {
        const Drawing = drawings[path];
        return (
          <li key={path}>
            <Link href={path} class="job">
              {Drawing === undefined ? (
                <span class="job-icon">
                  <Icon name={icon} />
                </span>
              ) : (
                <Drawing class="job-drawing" />
              )}
              <span class="job-text">
                <strong>{t(name)}</strong>
                <span>{t(hint)}</span>
              </span>
              <Icon name="forward" />
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

/** The first job stands alone and large, as it does for those who have few. */
function Grouped({ jobs }: { jobs: readonly HomeJob[] }) {
  const [first, ...others] = jobs;
  if (first === undefined) return null;
  return (
    <div class="jobs-grouped">
      <Tiles jobs={[first]} />
      {(["floor", "desk", "oversight"] as const).map((group) => {
        const inside = others.filter((job) => job.group === group);
        return (
          inside.length > 0 && (
            // A group, not a landmark: beside it, the side of the desk has landmarks of the same names.
            <div key={group} role="group" aria-labelledby={`home-${group}`}>
              <h3 id={`home-${group}`}>{t(`home.group.${group}`)}</h3>
              <Tiles jobs={inside} small />
            </div>
          )
        );
      })}
    </div>
  );
}
