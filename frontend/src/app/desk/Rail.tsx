import { useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { useUser } from "@/shared/api/session";
import { t } from "@/shared/i18n/office";
import { BigBag, Icon } from "@/shared/ui/icons";
import { ThemeButton } from "@/shared/ui/ThemeChoice";
import { GROUPS, type Job } from "../jobs";
import "@/shared/ui/office.css";
import "./desk.css";
import { SearchEverything } from "./SearchEverything";
import { Shortcuts } from "./Shortcuts";
import { useKeys } from "./useKeys";

/** The side of the desk: every job from every page, and one box that finds anything. */
export default function Rail({ jobs }: { jobs: readonly Job[] }) {
  const user = useUser();
  const [at] = useLocation();
  const [asked, setAsked] = useState(false);
  const side = useRef<HTMLElement>(null);
  // Where one is must be in sight, on a low screen too.
  useEffect(() => {
    side.current?.querySelector('nav [aria-current="page"]')?.scrollIntoView({ block: "nearest" });
  }, [at]);
  // A new object each time `/` is pressed: it takes the focus again.
  const [called, setCalled] = useState<{ text: string } | null>(null);
  useKeys(jobs, { search: (text) => setCalled({ text }), help: () => setAsked(true) });

  return (
    <aside ref={side} class="desk-rail" aria-label={t("desk.side")}>
      <Link href="/" class="desk-brand" aria-current={at === "/" ? "page" : undefined}>
        <BigBag />
        <span>{t("app.name")}</span>
      </Link>
      <SearchEverything jobs={jobs} called={called} />
      <nav class="desk-jobs" aria-label={t("desk.side")}>
        {GROUPS.map((group) => {
          const inside = jobs.filter((job) => job.group === group && job.path !== "/profile");
          if (inside.length === 0) return null;
          return (
            <section key={group} aria-labelledby={`desk-${group}`}>
              <h2 id={`desk-${group}`}>{t(`home.group.${group}`)}</h2>
              <ul>
                {inside.map((job) => (
                  <li key={job.path}>
                    <Link
                      href={job.path}
                      class="desk-job"
                      aria-current={at === job.path || at.startsWith(`${job.path}/`) ? "page" : undefined}
                    >
                      <Icon name={job.icon} />
                      <span>{t(job.name)}</span>
                    </Link>
                  </li>
                ))}
              </ul>
            </section>
          );
        })}
      </nav>
      <div class="desk-foot">
        <Link
          href="/profile"
          class="desk-who"
          title={t("home.profile")}
          aria-current={at === "/profile" ? "page" : undefined}
        >
          <Icon name="person" />
          <span>{user.full_name || user.username}</span>
        </Link>
        <ThemeButton />
        <button
          type="button"
          class="icon-button"
          aria-label={t("keys.title")}
          title={t("keys.title")}
          onClick={() => setAsked(true)}
        >
          <Icon name="help" />
        </button>
      </div>
      {asked && <Shortcuts jobs={jobs} onClose={() => setAsked(false)} />}
    </aside>
  );
}
