import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useEffect } from "react";
import { lazy, Suspense } from "preact/compat";
import { Redirect, Route, Switch } from "wouter";
import Home from "@/features/home/Home";
import { useAskedAgain } from "@/shared/api/again";
import { ApiProblem } from "@/shared/api/problems";
import type { User } from "@/shared/api/types";
import { QueueContext, useQueueOf } from "@/shared/queue/useQueue";
import { NewVersion } from "@/shared/ui/Bar";
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

/** Everything behind sign-in. */
export function Inside({ user }: { user: User }) {
  const newVersion = useNewVersion();
  const askedAgain = useAskedAgain();
  const queue = useQueueOf(user.id);

  // Nobody sees what the one before him looked up.
  useEffect(() => () => queries.clear(), [user.id]);

  return (
    <QueryClientProvider client={queries}>
      <QueueContext.Provider value={queue}>
        <Suspense fallback={<OneMoment />}>
          {user.must_change_password ? (
            <NewPassword />
          ) : user.must_set_up_totp ? (
            <SecondFactorFirst />
          ) : queue === null ? (
            <OneMoment />
          ) : (
            <NewVersion.Provider value={newVersion}>
              <Shell jobs={jobs.filter((job) => job.roles.includes(user.role))}>
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
              </Shell>
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
