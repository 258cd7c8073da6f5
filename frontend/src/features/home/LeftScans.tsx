import { Link } from "wouter";
import { t } from "@/shared/i18n/office";
import type { LineScan } from "@/shared/queue/records";
import { Icon } from "@/shared/ui/icons";
import { RefusedScans } from "@/shared/ui/SaidPanel";
import "@/shared/ui/office.css";

interface LeftScansProps {
  left: readonly LineScan[];
  forget: (scanId: string) => void;
}

/** What waits is sent by its own page: the way there. What was refused is told here, too. */
export default function LeftScans({ left, forget }: LeftScansProps) {
  const pages = new Map<string, LineScan[]>();
  for (const scan of left)
    if (scan.problem === undefined) pages.set(scan.page, [...(pages.get(scan.page) ?? []), scan]);
  const refused = left.flatMap(({ scan_id: id, code, problem }) => (problem ? [{ id, code, problem }] : []));
  return (
    <>
      {[...pages].map(([page, scans]) => (
        <Link key={page} href={page} class="left-scans" data-testid="left-scans">
          <Icon name="waiting" />
          <span>
            {t("home.left", { count: scans.length, title: scans.find((one) => one.title)?.title ?? page })}
          </span>
          <Icon name="forward" />
        </Link>
      ))}
      <RefusedScans refused={refused} forget={(one) => forget(one.id)} />
    </>
  );
}
