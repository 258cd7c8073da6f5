import { Component, type ComponentChildren } from "preact";
import { useEffect } from "react";
import { lazy, Suspense } from "preact/compat";
import SignIn from "@/features/sign-in/SignIn";
import { useSession } from "@/shared/api/session";
import {
  chosenLanguage,
  isLanguage,
  switchLanguage,
  t,
  useCurrentLanguage,
  type MessageKey,
} from "@/shared/i18n/i18n";
import { KeepsNothing } from "@/shared/queue/KeepsNothing";
import { UntakenNote } from "@/shared/scanner/UntakenNote";
import { BigBag } from "@/shared/ui/icons";
import { takesScans } from "./interrupted";
import { loadInside } from "./loadInside";
import { OneMoment } from "./OneMoment";

const Inside = lazy(loadInside);

/** Sign-in, which is all that a stranger's phone fetches, or everything behind it. */
export function App() {
  const session = useSession();
  // Not needed by name: a new language renders every screen anew.
  useCurrentLanguage();
  // Where scans are being taken, the end of a session must not send the next one into a field of the sign-in page.
  const stays = session.status === "signed-out" && takesScans(location.pathname);
  const user = session.status === "signed-in" || stays ? (session.user ?? null) : null;

  // The account's language follows its owner to a device where nobody has chosen one; English is what
  // an account has before its owner chose.
  const theirs = user?.language;
  useEffect(() => {
    if (chosenLanguage() === null && theirs !== "en" && isLanguage(theirs)) void switchLanguage(theirs);
  }, [theirs]);

  return (
    <Mishap>
      <UntakenNote />
      <Suspense fallback={<OneMoment />}>
        {session.status === "starting" ? <OneMoment /> : user === null ? <SignIn /> : <Inside user={user} />}
      </Suspense>
    </Mishap>
  );
}

/** A page that fails, or whose code cannot be fetched, says so and offers the way out. */
class Mishap extends Component<{ children: ComponentChildren }, { failed: MessageKey | null }> {
  override state: { failed: MessageKey | null } = { failed: null };

  static override getDerivedStateFromError(error: unknown): { failed: MessageKey } {
    return { failed: error instanceof KeepsNothing ? "app.keepsNothing" : "app.failed" };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render() {
    const { failed } = this.state;
    if (failed === null) return this.props.children;
    return (
      <main class="middle">
        <BigBag class="brand-drawing" />
        <p role="alert">{t(failed)}</p>
        <button type="button" class="button" data-kind="main" onClick={() => location.reload()}>
          {t("app.reload")}
        </button>
      </main>
    );
  }
}
