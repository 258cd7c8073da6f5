import { useQuery } from "@tanstack/react-query";
import { prepareZXingModule, writeBarcode } from "zxing-wasm/writer";
import wasm from "zxing-wasm/writer/zxing_writer.wasm?url";

// Ours, not the one that the library would fetch from elsewhere.
prepareZXingModule({ overrides: { locateFile: () => wasm } });

type Drawn = "QRCode" | "Code128" | "EAN13";

interface Bits {
  width: number;
  height: number;
  /** Black runs, as an SVG path. */
  path: string;
}

async function draw(text: string, format: Drawn): Promise<Bits> {
  const { symbol, error } = await writeBarcode(text, { format });
  if (error !== "") throw new Error(error);
  const { data, width } = symbol;
  // All rows of bars are alike: one is enough, as tall as bars should be.
  const rows = format !== "QRCode" ? 1 : symbol.height;
  let path = "";
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (data[y * width + x] !== 0) continue;
      let end = x;
      while (end < width && data[y * width + end] === 0) end += 1;
      path += `M${x} ${y}h${end - x}v1h-${end - x}z`;
      x = end;
    }
  }
  return { width, height: rows, path };
}

/** White around a code, in its smallest parts: scanners need it. */
const QUIET: Record<Drawn, number> = { QRCode: 4, Code128: 10, EAN13: 11 };

/** A code as a scanner reads it; black on white in light and dark. */
export function CodePicture({ text, format }: { text: string; format: Drawn }) {
  const bits = useQuery({
    queryKey: ["code-picture", format, text],
    queryFn: () => draw(text, format),
    staleTime: Infinity,
  });
  if (bits.data === undefined) return <div class="code-picture" data-format={format} />;
  const { width, height, path } = bits.data;
  const quiet = QUIET[format];
  const above = format === "QRCode" ? quiet : 0;
  return (
    <svg
      class="code-picture"
      data-format={format}
      viewBox={`${-quiet} ${-above} ${width + 2 * quiet} ${height + 2 * above}`}
      preserveAspectRatio={format === "QRCode" ? "xMidYMid" : "none"}
      shape-rendering="crispEdges"
      role="img"
      aria-label={text}
    >
      <path d={path} />
    </svg>
  );
}
