import { Drawing, Sack } from "@/shared/ui/icons";

interface Picture {
  class?: string | undefined;
}

/** A hand-held scanner and its beam. */
export function ScannerDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="scanner">
      <path
        d="M30 12h46c8 0 12 5 12 11s-4 11-12 11H60l-8 48c-1 5-4 7-8 7h-8c-5 0-8-4-7-9l7-46h-6z"
        class="ink"
      />
      <path d="M30 12v22H20l-5-5V17l5-5z" class="kraft" />
      <path d="M12 20L2 12M11 23H0M12 26L2 34" class="beam" />
      <path d="M46 44l-5 30" class="scanner-grip" />
    </Drawing>
  );
}

/** A printed sheet of codes. */
export function SheetDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="sheet">
      <rect x="16" y="6" width="64" height="84" rx="5" class="paper outlined" />
      <path d="M26 17h18v18H26zM52 17h18v18H52zM26 47h18v18H26zM52 47h18v18H52z" class="bars-fill" />
      <path d="M31 22h8v8h-8zM57 22h8v8h-8zM31 52h8v8h-8zM57 52h8v8h-8z" class="paper" />
      <path d="M26 78h44" class="phone-frame" />
    </Drawing>
  );
}

/** Back: a page that closes. */
export function CloseDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="close">
      <rect x="10" y="14" width="76" height="68" rx="9" class="paper outlined" />
      <path d="M33 33l30 30M63 33L33 63" class="keys" />
    </Drawing>
  );
}

/** The key that makes all letters large. */
export function CapsLockDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="caps-lock">
      <rect x="8" y="14" width="80" height="68" rx="12" class="paper outlined" />
      <path d="M48 26L26 50h12v12h20V50h12zM38 68h20v6H38z" class="bars-fill" />
    </Drawing>
  );
}

/** Letters that change places. */
export function LettersDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="letters">
      <rect x="4" y="28" width="38" height="40" rx="8" class="paper outlined" />
      <rect x="54" y="28" width="38" height="40" rx="8" class="paper outlined" />
      <path d="M14 58l9-22 9 22M17 51h12" class="phone-frame" />
      <path d="M64 37h18L64 59h18" class="phone-frame" />
      <path
        d="M26 18c12-12 32-12 44 0M62 8l9 10-12 5M70 78c-12 12-32 12-44 0M34 88l-9-10 12-5"
        class="beam"
      />
    </Drawing>
  );
}

/** Time that passes. */
export function SlowDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="slow">
      <g transform="translate(44 40) scale(.55)">
        <Sack />
      </g>
      <circle cx="38" cy="40" r="32" class="paper outlined" />
      <path d="M38 18v22l15 10" class="keys" />
    </Drawing>
  );
}
