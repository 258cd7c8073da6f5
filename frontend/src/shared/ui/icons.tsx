import type { ComponentChildren } from "preact";

/**
 * Our own drawings. Glyphs sit beside a word and say nothing to a screen reader; stroke and fill follow
 * the text colour. Drawings are the large pictures of bags.
 */
export type IconName =
  | "ok"
  | "already"
  | "refused"
  | "waiting"
  | "home"
  | "back"
  | "forward"
  | "close"
  | "undo"
  | "eye"
  | "eye-off"
  | "person"
  | "lock"
  | "find"
  | "keyboard"
  | "sound"
  | "sound-off"
  | "vibrate"
  | "link"
  | "link-off"
  | "sign-out"
  | "area"
  | "bill"
  | "weight"
  | "in"
  | "out"
  | "label"
  | "phone"
  | "computer"
  | "move"
  | "again"
  | "language"
  | "open"
  | "file"
  | "plus"
  | "download"
  | "edit"
  | "bin"
  | "chart"
  | "truck"
  | "tune"
  | "camera"
  | "torch"
  | "speak"
  | "columns"
  | "print"
  | "star"
  | "sun"
  | "moon"
  | "contrast"
  | "scan"
  | "pulse"
  | "gauge"
  | "record"
  | "people"
  | "settings"
  | "key"
  | "list"
  | "help"
  | "alert";

const octagon = "M8.1 2h7.8L22 8.1v7.8L15.9 22H8.1L2 15.9V8.1z";

/** Outcome shapes are solid, each with its own outline: circle, square, octagon, clock. */
const shapes: Record<IconName, ComponentChildren> = {
  ok: (
    <>
      <circle cx="12" cy="12" r="11" class="solid" />
      <path d="M6.5 12.5l3.7 3.7 7.3-8" class="cut" />
    </>
  ),
  already: (
    <>
      <rect x="1.5" y="1.5" width="21" height="21" rx="4" class="solid" />
      <path d="M6.5 9.2h11M6.5 14.8h11" class="cut" />
    </>
  ),
  refused: (
    <>
      <path d={octagon} class="solid" />
      <path d="M8 8l8 8M16 8l-8 8" class="cut" />
    </>
  ),
  waiting: (
    <>
      <circle cx="12" cy="12" r="9.8" />
      <path d="M12 6.2V12l4 2.6" />
    </>
  ),
  home: <path d="M3 11.2L12 3.5l9 7.7M5.5 9.5V20h13V9.5M10 20v-6h4v6" />,
  back: <path d="M14.5 5l-7 7 7 7" />,
  forward: <path d="M9.5 5l7 7-7 7" />,
  close: <path d="M5.5 5.5l13 13M18.5 5.5l-13 13" />,
  undo: <path d="M8 5L3.5 9.5 8 14M4 9.5h10a6 6 0 0 1 0 12h-3" />,
  eye: (
    <>
      <path d="M1.8 12S5.5 5 12 5s10.2 7 10.2 7-3.7 7-10.2 7S1.8 12 1.8 12z" />
      <circle cx="12" cy="12" r="3.2" />
    </>
  ),
  "eye-off": (
    <path d="M3 3l18 18M9.8 5.3A9.6 9.6 0 0 1 12 5c6.5 0 10.2 7 10.2 7a18 18 0 0 1-3 3.800M6.2 7A17.6 17.6 0 0 0 1.8 12s3.7 7 10.2 7a9.7 9.7 0 0 0 4.8-1.300M9.8 9.900a3.2 3.2 0 0 0 4.4 4.4" />
  ),
  person: (
    <>
      <circle cx="12" cy="7.5" r="4.2" />
      <path d="M3.5 21c.6-4.6 4-7 8.5-7s7.9 2.4 8.5 7" />
    </>
  ),
  lock: (
    <>
      <rect x="4.5" y="10.5" width="15" height="11" rx="2.5" />
      <path d="M8 10.500V7a4 4 0 0 1 8 0v3.500M12 14.700v2.6" />
    </>
  ),
  find: (
    <>
      <circle cx="10.5" cy="10.5" r="7" />
      <path d="M15.8 15.800L21.5 21.5" />
    </>
  ),
  keyboard: (
    <>
      <rect x="1.8" y="5" width="20.4" height="14" rx="2.5" />
      <path d="M6 9.500h.01M10 9.500h.01M14 9.500h.01M18 9.500h.01M8 14.800h8" />
    </>
  ),
  sound: <path d="M3 9.500v5h4l5 4.500v-14L7 9.500zM16 8.500a5 5 0 0 1 0 7M18.8 5.700a9 9 0 0 1 0 12.6" />,
  "sound-off": <path d="M3 9.500v5h4l5 4.500v-14L7 9.500zM16 9.500l5.5 5.500M21.5 9.500L16 15" />,
  vibrate: (
    <>
      <rect x="7.5" y="3" width="9" height="18" rx="2" />
      <path d="M4 8.500v7M1.3 10.500v3M20 8.500v7M22.7 10.500v3" />
    </>
  ),
  link: <path d="M2 9a15 15 0 0 1 20 0M5.5 12.800a10 10 0 0 1 13 0M9 16.500a5 5 0 0 1 6 0M12 20h.01" />,
  "link-off": (
    <path d="M3 3l18 18M2 9a15 15 0 0 1 4.5-2.800M11 5a15 15 0 0 1 11 4M5.5 12.800a10 10 0 0 1 4.6-2.300M9 16.500a5 5 0 0 1 6 0M12 20h.01" />
  ),
  "sign-out": <path d="M10 3.500H4.500v17H10M15.5 7.500L20 12l-4.5 4.500M20 12H9.5" />,
  area: (
    <>
      <path d="M12 22s7.5-6.6 7.5-12.500a7.5 7.5 0 0 0-15 0C4.5 15.4 12 22 12 22z" />
      <circle cx="12" cy="9.5" r="2.6" />
    </>
  ),
  bill: <path d="M5 2.500h14v19l-3.5-2-3.5 2-3.5-2-3.5 2zM9 8h6M9 12.500h6" />,
  weight: <path d="M4 21l2-12h12l2 12zM9 9a3.5 3.5 0 1 1 6 0" />,
  in: <path d="M12 2.500v10M7.8 8.500L12 12.700l4.2-4.200M4 12v7.500h16V12" />,
  out: <path d="M12 13V3M7.8 7L12 2.8 16.2 7M4 12v7.500h16V12" />,
  label: (
    <>
      <path d="M3 3h9l9 9-9 9-9-9z" />
      <circle cx="8" cy="8" r="1.3" />
    </>
  ),
  phone: (
    <>
      <rect x="6" y="2" width="12" height="20" rx="2.5" />
      <path d="M11 18.500h2" />
    </>
  ),
  computer: (
    <>
      <rect x="2.5" y="4" width="19" height="12.5" rx="2" />
      <path d="M8 20.500h8M12 16.500v4" />
    </>
  ),
  move: <path d="M3 12h17M14 6l6 6-6 6M3 6v12" />,
  again: <path d="M20 12a8 8 0 1 1-2.6-5.9M20.5 2.5V7H16" />,
  language: (
    <>
      <circle cx="12" cy="12" r="9.8" />
      <path d="M2.2 12h19.600M12 2.200c3.3 3 4.5 6.5 4.5 9.800s-1.2 6.8-4.5 9.800c-3.3-3-4.5-6.5-4.5-9.800s1.2-6.8 4.5-9.800z" />
    </>
  ),
  open: <path d="M4 12v8h16v-8M4 12l2-7h12l2 7M4 12h5l1 2.500h4l1-2.500h5" />,
  file: <path d="M6 2.500h8l5 5v14H6zM14 2.500v5h5" />,
  plus: <path d="M12 4v16M4 12h16" />,
  download: <path d="M12 3v11.500M7.5 10L12 14.500 16.500 10M4 16.500V20.500h16v-4" />,
  edit: <path d="M4 20l1-4.500L16.500 4l3.500 3.500L8.500 19zM14 6.500L17.500 10" />,
  bin: <path d="M4 6.500h16M9 6.500V3.500h6v3M6 6.500l1 14h10l1-14M10 10.500v6M14 10.500v6" />,
  chart: <path d="M3.500 3.500v17h17M8 17v-5M12.500 17V8M17 17v-3.500" />,
  truck: (
    <>
      <path d="M1.800 5.500h12v11h-12zM13.800 9.500h4.500l3.900 4v3h-8.400z" />
      <circle cx="6.500" cy="18" r="2" />
      <circle cx="17.500" cy="18" r="2" />
    </>
  ),
  columns: <path d="M3.500 4h17v16h-17zM9.200 4v16M14.800 4v16" />,
  print: <path d="M7 8V3h10v5M6 17H3V8h18v9h-3M7 13.500h10V21H7z" />,
  star: (
    <path d="M12 3l2.800 5.700 6.200.9-4.500 4.400 1.100 6.200L12 17.200l-5.600 3 1.100-6.200L3 9.600l6.200-.9z" />
  ),
  sun: (
    <>
      <circle cx="12" cy="12" r="4.2" />
      <path d="M12 2v2.500M12 19.500V22M2 12h2.500M19.500 12H22M4.900 4.900l1.800 1.800M17.300 17.300l1.800 1.800M19.100 4.900l-1.800 1.800M6.700 17.300l-1.800 1.800" />
    </>
  ),
  moon: <path d="M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z" />,
  contrast: (
    <>
      <circle cx="12" cy="12" r="9.500" />
      <path d="M12 2.500v19a9.500 9.500 0 0 0 0-19z" class="solid" />
    </>
  ),
  scan: <path d="M3 8V4h4M21 8V4h-4M3 16v4h4M21 16v4h-4M7.500 8v8M11 8v8M13.500 8v8M16.500 8v8M2 12h20" />,
  pulse: <path d="M2 12.500h4.500L9 5l5 14.500 3-7h5" />,
  gauge: <path d="M4.500 19a9.500 9.500 0 1 1 15 0M12 14.500l4.500-6" />,
  record: <path d="M5 3h11l3 3v15H5zM8.500 8.500h7M8.500 12.500h7M8.500 16.500h4" />,
  people: (
    <>
      <circle cx="9" cy="8" r="3.600" />
      <path d="M2.500 20c.4-4 3-6 6.500-6s6.100 2 6.500 6M15.500 4.700a3.500 3.500 0 0 1 0 6.600M18 14.500c2.200.8 3.400 2.700 3.600 5.500" />
    </>
  ),
  settings: (
    <>
      <circle cx="12" cy="12" r="3.200" />
      <path d="M12 2.500v3M12 18.500v3M2.500 12h3M18.500 12h3M5.300 5.300l2.100 2.100M16.600 16.600l2.100 2.100M18.700 5.300l-2.100 2.100M7.400 16.600l-2.100 2.100" />
    </>
  ),
  key: (
    <>
      <circle cx="7.500" cy="15.500" r="4.500" />
      <path d="M10.800 12.200L20.500 2.500M15 8l3.500 3.500" />
    </>
  ),
  list: <path d="M8.500 6h12M8.500 12h12M8.500 18h12M3.500 6h.01M3.500 12h.01M3.500 18h.01" />,
  help: (
    <>
      <circle cx="12" cy="12" r="9.800" />
      <path d="M9 9.500a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.200M12 17.500h.01" />
    </>
  ),
  alert: <path d="M12 3L22 20.500H2zM12 9.500v5M12 17.500h.01" />,
  camera: (
    <>
      <path d="M2.500 7.500h5l2-3h5l2 3h5v12h-19z" />
      <circle cx="12" cy="13" r="3.800" />
    </>
  ),
  torch: <path d="M7 3.500h10v4l-2.500 3.500v9.500h-5V11L7 7.500zM7 7.500h10M12 13.500v2.500" />,
  speak: (
    <>
      <circle cx="8.500" cy="8" r="4" />
      <path d="M1.800 20.500c.5-4 3-6 6.700-6s6.200 2 6.700 6M16 5.500a4.500 4.500 0 0 1 0 6M19 3a8 8 0 0 1 0 11" />
    </>
  ),
  tune: <path d="M3.500 7h10M18.500 7h2M3.500 17h2M10.500 17h10M16 4.500v5M8 14.500v5" />,
};

/** A glyph's lines, 24 units wide, to put into a picture; wrap them in a `g` with the class `glyph`. */
export const shapeOf = (name: IconName): ComponentChildren => shapes[name];

export function Icon({ name, class: extra }: { name: IconName; class?: string }) {
  return (
    <svg
      class={`icon glyph ${extra ?? ""}`}
      viewBox="0 0 24 24"
      data-drawing={name}
      aria-hidden="true"
      focusable="false"
    >
      {shapes[name]}
    </svg>
  );
}

export function Drawing({
  class: extra,
  name,
  children,
}: {
  class?: string | undefined;
  /** What it shows, for whoever looks at drawings alone. */
  name?: string;
  children: ComponentChildren;
}) {
  return (
    <svg
      class={`drawing ${extra ?? ""}`}
      viewBox="0 0 96 96"
      data-drawing={name}
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

const bigSack = "M30 33C20 45 13 58 13 70c0 10 5 15 15 15h40c10 0 15-5 15-15 0-12-7-25-17-37z";
const neck = "M31 33l-8-15c10-6 40-6 50 0l-8 15z";

/** A parent bag to put into a drawing. */
export function Sack() {
  return (
    <>
      <path d={bigSack} class="kraft" />
      <path
        d="M66 33c10 12 17 25 17 37 0 10-5 15-15 15H54c12-4 18-12 18-22 0-11-5-20-12-30z"
        class="kraft-shade"
      />
      <path d={neck} class="kraft-light" />
      <path d="M30 33h36" class="rope" />
    </>
  );
}

/** A parent bag. */
export function BigBag({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra} name="big-bag">
      <Sack />
      <rect x="32" y="51" width="32" height="20" rx="3" class="paper" />
      <path d="M38 56v10M43 56v10M46.5 56v10M52 56v10M58 56v10" class="bars" />
    </Drawing>
  );
}

/** A child bag. */
export function SmallBag({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra} name="small-bag">
      <path d="M27 26h42l5 56c.3 3-1.5 5-4.5 5h-43c-3 0-4.8-2-4.5-5z" class="kraft" />
      <path d="M56 26h13l5 56c.3 3-1.5 5-4.5 5H58z" class="kraft-shade" />
      <path d="M27 26l3-13h36l3 13z" class="kraft-light" />
      <path d="M27 26h42" class="rope" />
      <rect x="34" y="44" width="28" height="18" rx="3" class="paper" />
      <path d="M39 48.500v9M43 48.500v9M47 48.500v9M52 48.500v9M57 48.500v9" class="bars" />
    </Drawing>
  );
}

/** A parent bag under the scanner's beam. */
export function ScanDrawing({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra} name="scan-big-bag">
      <Sack />
      <rect x="30" y="49" width="36" height="22" rx="3" class="paper" />
      <path d="M36 54v12M41 54v12M45 54v12M50 54v12M55 54v12M60 54v12" class="bars" />
      <path d="M6 60h84" class="beam" />
      <path d="M6 22V8h14M90 22V8H76M6 74v14h14M90 74v14H76" class="frame" />
    </Drawing>
  );
}
