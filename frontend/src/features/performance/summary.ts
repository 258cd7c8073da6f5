import type { components } from "@/shared/api/schema";

/** What the page shows, as the site tells it. */
export type Performance = components["schemas"]["PerformanceSummary"];
