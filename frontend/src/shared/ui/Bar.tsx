import { createContext, type ComponentChildren } from "preact";
import { useContext } from "react";
import { Link } from "wouter";
import { t } from "@/shared/i18n/i18n";
import { QueueContext, useOnline, useQueueView } from "@/shared/queue/useQueue";
import { Icon } from "./icons";

/** How to start the new version of the application, when there is one; home offers it. */
export const NewVersion = createContext<(() => void) | null>(null);

/** The top of every screen: home in the same corner, the screen's name, what waits. */
export function Bar({
  title,
  back,
  children,
}: {
  title: string;
  /** The list that this screen was opened from. */
  back?: string;
  children?: ComponentChildren;
}) {
  const renewed = useContext(NewVersion) !== null;
  return (
    <header class="bar">
      <Link
        href="/"
        class="icon-button"
        aria-label={renewed ? `${t("app.home")}. ${t("app.newVersion")}` : t("app.home")}
      >
        <Icon name="home" />
        {renewed && (
          <span class="bar-new" data-testid="new-version">
            <Icon name="again" />
          </span>
        )}
      </Link>
      {back !== undefined && (
        <Link href={back} class="icon-button" aria-label={t("app.back")}>
          <Icon name="back" />
        </Link>
      )}
      <h1 data-long={title.length > 14 || undefined}>{title}</h1>
      {children}
      <LinkPill />
      <HelpLink />
    </header>
  );
}

/** Help, in the same corner of every screen. */
export function HelpLink() {
  return (
    <Link href="/help" class="icon-button" aria-label={t("help.title")}>
      <Icon name="help" />
    </Link>
  );
}

/** Whether scans wait, always in sight. */
export function LinkPill() {
  const view = useQueueView(useContext(QueueContext));
  const online = useOnline();
  const stuck = view.held > 0 || (view.waiting > 0 && (view.link !== "up" || !online));
  const link = stuck ? "waiting" : view.link === "down" || !online ? "down" : "up";
  if (stuck) {
    const text = t("link.waiting", { count: view.waiting });
    return (
      <span class="link-pill number" data-link={link} role="status" data-waiting={view.waiting}>
        <Icon name={view.link === "locked" ? "lock" : "waiting"} />
        {text}
      </span>
    );
  }
  return (
    <span class="link-pill" data-link={link} role="status" data-waiting={view.waiting}>
      <Icon name={link === "down" ? "link-off" : "link"} />
      <span class={link === "down" ? "" : "hidden-visually"}>
        {t(link === "down" ? "link.down" : "link.up")}
      </span>
    </span>
  );
}
