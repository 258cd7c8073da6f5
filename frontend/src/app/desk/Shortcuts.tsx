import { t } from "@/shared/i18n/office";
import { Sheet } from "@/shared/ui/Sheet";
import type { Job } from "../jobs";

/** Every key there is. */
export function Shortcuts({ jobs, onClose }: { jobs: readonly Job[]; onClose: () => void }) {
  const keys: [readonly string[], string][] = [
    [["/"], t("keys.search")],
    [["Ctrl", "K"], t("keys.search.anywhere")],
    [["↑", "↓", "Enter"], t("keys.choose")],
    [["?"], t("keys.help")],
    [["Esc"], t("keys.close")],
    [["g", "h"], t("app.home")],
    ...jobs.map((job): [string[], string] => [["g", job.letter], t(job.name)]),
  ];
  return (
    <Sheet title={t("keys.title")} onClose={onClose}>
      <div class="sheet-body">
        <p class="soft">{t("keys.scan")}</p>
        <dl class="keys">
          {keys.map(([pressed, what]) => (
            <div key={pressed.join(" ")}>
              <dt>
                {pressed.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Sheet>
  );
}
