import { useQuery } from "@tanstack/react-query";
import { api, take } from "@/shared/api/calls";
import { FORMATS, type CodeFormat } from "./found";

const KEPT = "tracetrack.camera-formats";
const USUAL: readonly CodeFormat[] = ["qr_code", "data_matrix", "code_128", "ean_13", "ean_8"];

/** As this device last heard it, for a place without network. */
function keptFormats(): readonly CodeFormat[] {
  const kept = localStorage.getItem(KEPT)?.split(" ") ?? [];
  const known = FORMATS.filter((format) => kept.includes(format));
  return known.length === 0 ? USUAL : known;
}

/** The kinds of codes that cameras of this site read. */
export function useFormats(): readonly CodeFormat[] {
  const asked = useQuery({
    queryKey: ["camera-formats"],
    queryFn: async () => {
      const { formats } = await take(api.GET("/api/v1/scans/camera"));
      localStorage.setItem(KEPT, formats.join(" "));
      return formats;
    },
    staleTime: 60_000,
  });
  return asked.data ?? keptFormats();
}
