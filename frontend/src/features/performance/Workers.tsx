import { ago, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { Icon } from "@/shared/ui/icons";
import type { Performance } from "./summary";
import { bytes, ms, percent } from "./units";

const WORDS = { closed: "breaker.closed", open: "breaker.open", half_open: "breaker.half_open" } as const;

function Breaker({ name, state }: { name: string; state: string }) {
  const key = state in WORDS ? WORDS[state as keyof typeof WORDS] : "breaker.open";
  return (
    <span class="badge" data-tone={state === "closed" ? "ok" : "waiting"}>
      <Icon name={state === "closed" ? "ok" : "alert"} />
      {name}: {t(key)}
    </span>
  );
}

/** Each worker as it last told. */
export function Workers({ now }: { now: Performance }) {
  return (
    <section class="workers" aria-labelledby="workers">
      <h2 id="workers">{t("performance.workers")}</h2>
      <ul>
        {now.workers.map((one) => (
          <li key={one.worker} class="card">
            <h3>
              <span class="code">{one.worker}</span>
              <span class="soft">{ago(one.at)}</span>
            </h3>
            <dl>
              <div>
                <dt>{t("performance.cpu.name")}</dt>
                <dd class="number">{percent(one.cpu_share * 100)}</dd>
              </div>
              <div>
                <dt>{t("performance.memory")}</dt>
                <dd class="number">{bytes(one.memory_bytes)}</dd>
              </div>
              <div>
                <dt>{t("performance.lag.name")}</dt>
                <dd class="number">{ms(one.loop_lag_ms)}</dd>
              </div>
              <div>
                <dt>{t("performance.pool.name")}</dt>
                <dd class="number">
                  {number(one.pool_used)} / {number(one.pool_size)}
                </dd>
              </div>
              <div>
                <dt>{t("performance.cacheMode")}</dt>
                <dd>{one.cache_mode}</dd>
              </div>
            </dl>
            <p class="breakers">
              {Object.entries(one.breakers).map(([name, state]) => (
                <Breaker key={name} name={name} state={state} />
              ))}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
