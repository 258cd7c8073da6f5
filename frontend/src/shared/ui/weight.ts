import { number, t } from "@/shared/i18n/i18n";

export const kg = (value: number): string => t("find.weight.kg", { kg: number(value) });

/** A difference always says its direction. */
export const signed = (value: number): string =>
  value > 0 ? `+${kg(value)}` : value < 0 ? `−${kg(-value)}` : kg(0);
