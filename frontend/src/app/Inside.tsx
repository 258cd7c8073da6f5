import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { lazy, Suspense } from "preact/compat";
import { Redirect, Route, Router, Switch, useLocation } from "wouter";
import { useSearch } from "wouter/use-browser-location";
import Home from "@/features/home/Home";
import { useAskedAgain } from "@/shared/api/again";
import { ApiProblem } from "@/shared/api/problems";
import { leaveForSignIn, useSession } from "@/shared/api/session";
import type { User } from "@/shared/api/types";
import { QueueContext, useQueueOf } from "@/shared/queue/useQueue";
import { NewVersion } from "@/shared/ui/Bar";
import { Interrupted, type Interruption } from "@/shared/ui/interrupted";
import { takesScans } from "./interrupted";
import { admin, jobs } from "./jobs";
import { OneMoment } from "./OneMoment";
import { Shell } from "./Shell";
import { useNewVersion } from "./version";

const NewPassword = lazy(() => import("@/features/sign-in/NewPassword"));
const SecondFactorFirst = lazy(admin(() => import("@/features/sign-in/SecondFactorFirst")));
const AskAgain = lazy(admin(() => import("@/features/sign-in/AskAgain")));
const Help = lazy(async () => {
  const { loadHelp } = await import("@/shared/i18n/help");
  const [loaded] = await Promise.all([import("@/features/help/Help"), loadHelp()]);
  return loaded;
});
const pages = jobs.map((job) => ({ ...job, Page: lazy(job.page) }));

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // A "no" from the server is an answer; only silence is worth asking again.
      retry: (failures, error) => !(error instanceof ApiProblem) && failures < 2,
      staleTime: 5_000,
      // Ask and be told "no" rather than wait silently for a network.
      networkMode: "always",
    },
  },
});

/** The router decodes the query once before the page does so again: here its decoding is taken back. */
const useRawSearch = () => useSearch().replace(/%/g, "%25");

/**
 * What this person must do before anything can be sent. Where scans are being taken it waits until it is asked for; on
 * any other page it comes first: then only its name.
 */
function useInterruption(user: User): Interruption | "password" | "totp" | null {
  const ended = useSession().status === "signed-out";
  const [path] = useLocation();
  const why = ended
    ? "ended"
    : user.must_change_password
      ? "password"
      : user.must_set_up_totp
        ? "totp"
        : null;
  const free = useRef(false);
  const [going, setGoing] = useState(false);
  if (why === null) free.current = true;
  const stays = free.current && takesScans(path) && !going;
  useEffect(() => {
    if (why === "ended" && !stays) void leaveForSignIn();
    if (why === null) setGoing(false);
  }, [why, stays]);
  if (why === null) return null;
  // The page stays as it is until it is known whether somebody has to sign in.
  if (stays) return { why, go: () => (why === "ended" ? void leaveForSignIn() : setGoing(true)) };
  return why === "ended" ? null : why;
}

/** Everything behind sign-in. */
export function Inside({ user }: { user: User }) {
  const newVersion = useNewVersion();
  const askedAgain = useAskedAgain();
  const queue = useQueueOf(user.id);
  const interruption = useInterruption(user);

  // Nobody sees what the one before him looked up.
  useEffect(() => () => queries.clear(), [user.id]);

  return (
    <QueryClientProvider client={queries}>
      <QueueContext.Provider value={queue}>
        <Suspense fallback={<OneMoment />}>
          {interruption === "password" ? (
            <NewPassword />
          ) : interruption === "totp" ? (
            <SecondFactorFirst />
          ) : queue === null ? (
            <OneMoment />
          ) : (
            <NewVersion.Provider value={newVersion}>
              <Interrupted.Provider value={interruption}>
                <Router searchHook={useRawSearch}>
                  <Shell jobs={jobs.filter((job) => job.roles.includes(user.role))}>
                    {/* The frame stays while a page loads. */}
                    <Suspense fallback={<OneMoment />}>
                      <Switch>
                        <Route path="/">
                          <Home jobs={jobs} />
                        </Route>
                        {pages
                          .filter((page) => page.roles.includes(user.role))
                          .map(({ path, below, Page }) => (
                            <Route key={path} path={below === undefined ? path : `${path}${below}?`}>
                              <Page />
                            </Route>
                          ))}
                        <Route path="/help/:which?">
                          <Help />
                        </Route>
                        <Route>
                          <Redirect to="/" />
                        </Route>
                      </Switch>
                    </Suspense>
                  </Shell>
                </Router>
              </Interrupted.Provider>
            </NewVersion.Provider>
          )}
        </Suspense>
        {askedAgain !== null && (
          <Suspense fallback={null}>
            <AskAgain onAnswer={askedAgain} />
          </Suspense>
        )}
      </QueueContext.Provider>
    </QueryClientProvider>
  );
}
