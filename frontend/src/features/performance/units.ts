import { number } from "@/shared/i18n/i18n";

/** Milliseconds as one reads them: 4.2 ms, 310 ms, 2.4 s. */
export function ms(value: number | null): string {
  if (value === null) return "–";
  if (value >= 1_000) return `${number(Math.round(value / 10) / 100)} s`;
  return `${number(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10)} ms`;
}

export const percent = (value: number): string =>
  `${number(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10)} %`;

const STEPS = ["B", "KB", "MB", "GB", "TB"];

export function bytes(value: number): string {
  let size = value;
  let step = 0;
  while (size >= 1_024 && step < STEPS.length - 1) {
    size /= 1_024;
    step++;
  }
  return `${number(size >= 10 ? Math.round(size) : Math.round(size * 10) / 10)} ${STEPS[step]}`;
}
