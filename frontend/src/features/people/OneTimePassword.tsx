import { t } from "@/shared/i18n/admin";
import { Copy } from "@/shared/ui/Copy";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";

interface OneTimePasswordProps {
  title: string;
  username: string;
  password: string;
  onClose: () => void;
}

/** A password to hand over: large, because it is often read out, and only now. */
export function OneTimePassword({ title, username, password, onClose }: OneTimePasswordProps) {
  return (
    <Sheet title={title} onClose={onClose}>
      <div class="sheet-body">
        <Note tone="waiting">{t("people.made.why")}</Note>
        <dl class="hand-over">
          <dt>{t("people.username")}</dt>
          <dd class="code">{username}</dd>
          <dt>{t("people.made.password")}</dt>
          <dd>
            <Copy text={password} shown={password} testid="one-time-password" />
          </dd>
        </dl>
      </div>
      <div class="sheet-acts">
        <button type="button" class="button" data-kind="main" onClick={onClose}>
          <Icon name="ok" />
          {t("table.done")}
        </button>
      </div>
    </Sheet>
  );
}
