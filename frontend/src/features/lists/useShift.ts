import { useQuery } from "@tanstack/react-query";
import { useCurrentLanguage } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { shiftsOf, type Range, type Shifts } from "./calls";

export const WHOLE_DAY = "day";

interface ShiftChoice {
  /** What is shown; null while the server has not said which shifts there are. */
  range: Omit<Range, "area_id"> | null;
  date: string;
  value: string;
  options: { value: string; name: string }[];
  /** A time of the day by the site's clock. */
  clock: (time: string) => string;
  error: unknown;
}

/** The shift that the address asks for: without a word, the one now or, of another day, the whole day. */
export function useShift(date: string, shift: string): ShiftChoice {
  const language = useCurrentLanguage();
  const query = useQuery({
    queryKey: ["shifts", date],
    queryFn: () => shiftsOf(date),
    placeholderData: (before) => before,
    // The shift now ends some time.
    refetchInterval: 60_000,
  });
  const shifts: Shifts | undefined = query.data;
  if (shifts === undefined)
    return { range: null, date, value: shift, options: [], clock: () => "", error: query.error };
  const format = new Intl.DateTimeFormat(language, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZone: shifts.time_zone,
  });
  const clock = (time: string) => format.format(new Date(time));
  const now = shifts.items.findIndex((one) => one.current);
  const at = /^\d{1,2}$/.test(shift) ? Number(shift) : shift === "" ? now : -1;
  const chosen = shifts.items[at];
  const whole = { from: shifts.items[0]?.start ?? "", to: shifts.items.at(-1)?.end ?? "" };
  return {
    range: chosen === undefined ? whole : { from: chosen.start, to: chosen.end },
    date: date === "" ? shifts.date : date,
    value: chosen === undefined ? WHOLE_DAY : String(at),
    options: [
      ...(shifts.items.length < 2
        ? []
        : shifts.items.map((one, place) => ({
            value: String(place),
            name: `${clock(one.start)} – ${clock(one.end)}`,
          }))),
      { value: WHOLE_DAY, name: t("lists.shift.day") },
    ],
    clock,
    error: query.error,
  };
}
