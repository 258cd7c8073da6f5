import { useInfiniteQuery } from "@tanstack/react-query";
import type { ComponentChildren } from "preact";
import { Link } from "wouter";
import { childrenOf, history } from "@/shared/api/calls";
import type { Bag, BagDetail, BagState, Event } from "@/shared/api/types";
import { ago, moment, number, t, type MessageKey } from "@/shared/i18n/i18n";
import { errorText } from "@/shared/i18n/problem";
import { BigBag, Icon, SmallBag, type IconName } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { tell } from "./story";

export function BagPage({ found }: { found: BagDetail }) {
  const { bag } = found;
  return (
    <article class="bag">
      <div class="bag-side">
        <Head bag={bag} />
        <Where found={found} />
      </div>
      {bag.kind === "parent" && <Children bag={bag} />}
      <Story bag={bag} />
    </article>
  );
}

const STATES: Record<BagState, { key: MessageKey; icon: IconName }> = {
  open: { key: "state.open", icon: "open" },
  completed: { key: "state.completed", icon: "ok" },
  billed: { key: "state.billed", icon: "bill" },
  dispatched: { key: "state.dispatched", icon: "lock" },
  free: { key: "state.loose", icon: "out" },
  linked: { key: "state.linked", icon: "in" },
};

function Head({ bag }: { bag: Bag }) {
  const isParent = bag.kind === "parent";
  const state = STATES[bag.state];
  return (
    <header class="card bag-head">
      {isParent ? <BigBag class="bag-drawing" /> : <SmallBag class="bag-drawing" />}
      <div class="bag-name">
        <span class="soft">{t(isParent ? "find.parent" : "find.child")}</span>
        <h2 class="code" data-testid="bag-code">
          {bag.code}
        </h2>
        <span class="badge" data-state={bag.state}>
          <Icon name={state.icon} />
          {t(state.key)}
        </span>
      </div>
      {isParent && (
        <p class="bag-count number" aria-label={t("find.count")}>
          <strong>{number(bag.child_count)}</strong>
          {bag.expected_children ? ` / ${number(bag.expected_children)}` : ""}
        </p>
      )}
    </header>
  );
}

/** Where it is, in a few large lines. */
function Where({ found }: { found: BagDetail }) {
  const { bag, parent, bill } = found;
  return (
    <section class="card facts" aria-labelledby="where">
      <h3 id="where">{t("find.where")}</h3>
      <dl>
        {bag.kind === "child" && (
          <Fact icon="in" name={t("find.inside")}>
            {parent === null ? t("find.loose") : <BagLink code={parent.code} />}
          </Fact>
        )}
        <Fact icon="area" name={t("find.area")}>
          {bag.area?.name ?? t("find.noArea")}
        </Fact>
        {bag.kind === "parent" && (
          <>
            <Fact icon="bill" name={t("find.bill")}>
              {bill === null ? t("find.noBill") : <span class="code">{bill.number}</span>}
            </Fact>
            <Fact icon="weight" name={t("find.weight")}>
              {t("find.weight.kg", { kg: number(bag.weight_kg) })}
            </Fact>
          </>
        )}
      </dl>
    </section>
  );
}

function Fact({ icon, name, children }: { icon: IconName; name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>
        <Icon name={icon} />
        {name}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}

function BagLink({ code }: { code: string }) {
  return (
    <Link href={`/find?code=${encodeURIComponent(code)}`} class="bag-link">
      <span class="code">{code}</span>
      <Icon name="forward" />
    </Link>
  );
}

function Children({ bag }: { bag: Bag }) {
  const pages = useInfiniteQuery({
    queryKey: ["bag", bag.id, "children"],
    queryFn: ({ pageParam }) => childrenOf(bag.id, pageParam, 60),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
  const children = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section class="card bag-children" aria-labelledby="children">
      <h3 id="children">{t("find.children")}</h3>
      {pages.isError && <Note tone="refused">{errorText(pages.error)}</Note>}
      {pages.isSuccess && children.length === 0 && <p class="soft">{t("find.children.none")}</p>}
      <ul>
        {children.map((child) => (
          <li key={child.id}>
            <Link href={`/find?code=${encodeURIComponent(child.code)}`} class="child-link">
              <SmallBag class="child-drawing" />
              <span class="code">{child.code}</span>
            </Link>
          </li>
        ))}
      </ul>
      <More pages={pages} />
    </section>
  );
}

function Story({ bag }: { bag: Bag }) {
  const pages = useInfiniteQuery({
    queryKey: ["bag", bag.id, "history"],
    queryFn: ({ pageParam }) => history(bag.id, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
  const events = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section class="card story" aria-labelledby="story">
      <h3 id="story">{t("find.story")}</h3>
      {pages.isError && <Note tone="refused">{errorText(pages.error)}</Note>}
      {pages.isSuccess && events.length === 0 && <p class="soft">{t("find.story.none")}</p>}
      <ol>
        {events.map((event) => (
          <Told key={event.id} bag={bag} event={event} />
        ))}
      </ol>
      <More pages={pages} />
    </section>
  );
}

function Told({ bag, event }: { bag: Bag; event: Event }) {
  const { icon, text } = tell(bag, event);
  const who = event.actor?.username ?? t("story.system");
  return (
    <li>
      <span class="story-icon">
        <Icon name={icon} />
      </span>
      <span class="story-text">
        <strong>{text}</strong>
        <time class="soft" dateTime={event.at} title={moment(event.at)}>
          {t("story.by", { who, when: ago(event.at) })}
        </time>
      </span>
    </li>
  );
}

interface Pages {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => Promise<unknown>;
}

function More({ pages }: { pages: Pages }) {
  if (!pages.hasNextPage) return null;
  return (
    <button
      type="button"
      class="button"
      data-wide
      aria-disabled={pages.isFetchingNextPage}
      onClick={() => void pages.fetchNextPage()}
    >
      <Icon name="plus" />
      {t("app.more")}
    </button>
  );
}
