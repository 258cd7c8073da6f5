import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Component, type ComponentChildren } from "preact";
import { useEffect } from "react";
import { lazy, Suspense } from "preact/compat";
import { Redirect, Route, Switch } from "wouter";
import { useAskedAgain } from "@/shared/api/again";
import { ApiProblem } from "@/shared/api/problems";
import { useSession } from "@/shared/api/session";
import { chosenLanguage, isLanguage, switchLanguage, t, useCurrentLanguage } from "@/shared/i18n/i18n";
import { QueueContext, useQueueOf } from "@/shared/queue/useQueue";
import { NewVersion } from "@/shared/ui/Bar";
import { BigBag } from "@/shared/ui/icons";
import { admin, jobs } from "./jobs";
import { Shell } from "./Shell";
import { useNewVersion } from "./version";

const SignIn = lazy(() => import("@/features/sign-in/SignIn"));
const NewPassword = lazy(() => import("@/features/sign-in/NewPassword"));
const SecondFactorFirst = lazy(admin(() => import("@/features/sign-in/SecondFactorFirst")));
const AskAgain = lazy(admin(() => import("@/features/sign-in/AskAgain")));
const Home = lazy(() => import("@/features/home/Home"));
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

export function App() {
  const session = useSession();
  // Not needed by name: a new language renders every screen anew.
  useCurrentLanguage();
  const user = session.status === "signed-in" ? session.user : null;
  const newVersion = useNewVersion();
  const askedAgain = useAskedAgain();
  const queue = useQueueOf(user?.id ?? null);

  // The account's language follows its owner to a device where nobody has chosen one; English is what
  // an account has before its owner chose.
  const theirs = user?.language;
  useEffect(() => {
    if (chosenLanguage() === null && theirs !== "en" && isLanguage(theirs)) void switchLanguage(theirs);
  }, [theirs]);

  // Nobody sees what the one before him looked up.
  useEffect(() => () => queries.clear(), [user?.id]);

  return (
    <QueryClientProvider client={queries}>
      <QueueContext.Provider value={queue}>
        <Mishap>
          <Suspense fallback={<OneMoment />}>
            {session.status === "starting" ? (
              <OneMoment />
            ) : user === null ? (
              <SignIn />
            ) : user.must_change_password ? (
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
          {user !== null && askedAgain !== null && (
            <Suspense fallback={null}>
              <AskAgain onAnswer={askedAgain} />
            </Suspense>
          )}
        </Mishap>
      </QueueContext.Provider>
    </QueryClientProvider>
  );
}

function OneMoment() {
  return (
    <main class="middle breathing">
      <BigBag class="brand-drawing" />
      <p>{t("app.loading")}</p>
    </main>
  );
}

/** A page that fails, or whose code cannot be fetched, says so and offers the way out. */
class Mishap extends Component<{ children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false };

  static override getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main class="middle">
        <BigBag class="brand-drawing" />
        <p role="alert">{t("app.failed")}</p>
        <button type="button" class="button" data-kind="main" onClick={() => location.reload()}>
          {t("app.reload")}
        </button>
      </main>
    );
  }
}
