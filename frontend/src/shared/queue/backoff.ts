const FIRST_MS = 1_000;
const LONGEST_MS = 15_000;

/**
 * How long to wait before the next try, in ms: doubling, with full jitter so that fifty phones that
 * lost the same Wi-Fi do not come back in step. Never sooner than the server's Retry-After (seconds).
 */
export function backoffMs(failures: number, retryAfter: number | null = null, random = Math.random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1));
  const jittered = ceiling / 2 + random() * (ceiling / 2);
  return Math.max(jittered, (retryAfter ?? 0) * 1_000);
}
