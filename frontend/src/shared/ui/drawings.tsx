import { Drawing, Sack } from "./icons";

// The pictures of the jobs beside scanning: the scan screen does not load them.

/** A bag under a glass. */
export function FindDrawing({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra}>
      <g transform="translate(4 0) scale(.8)">
        <Sack />
      </g>
      <circle cx="60" cy="56" r="21" class="glass" />
      <path d="M75 72l14 15" class="handle" />
      <path d="M50 50v12M55 50v12M59 50v12M64 50v12M69 50v12" class="bars" />
    </Drawing>
  );
}

/** A worker. */
export function ProfileDrawing({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra}>
      <path d="M12 88c2-20 15-30 36-30s34 10 36 30z" class="ink" />
      <path d="M38 60h20l-3 28H41z" class="paper" />
      <circle cx="48" cy="38" r="17" class="kraft-light" />
      <path d="M27 36c0-14 8-24 21-24s21 10 21 24z" class="kraft" />
      <path d="M22 36h52" class="rope" />
    </Drawing>
  );
}

/** A bill beside a bag. */
export function BillDrawing({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra}>
      <g transform="translate(30 26) scale(.7)">
        <Sack />
      </g>
      <path
        d="M10 8h44v62l-7.300-4.500-7.400 4.500-7.300-4.500-7.300 4.500-7.400-4.500L10 70z"
        class="paper outlined"
      />
      <path d="M19 22h26M19 33h26M19 44h15" class="frame thin" />
    </Drawing>
  );
}

/** A sheet of rows that becomes bags. */
export function ImportDrawing({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra}>
      <rect x="8" y="10" width="52" height="60" rx="4" class="paper outlined" />
      <path d="M8 25h52M8 40h52M8 55h52M27 10v60" class="frame thin" />
      <g transform="translate(36 32) scale(.6)">
        <Sack />
      </g>
    </Drawing>
  );
}

/** Bars of a chart. */
export function ReportDrawing({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra}>
      <path d="M22 84V58h14v26z" class="kraft-light" />
      <path d="M43 84V42h14v42z" class="kraft" />
      <path d="M64 84V22h14v62z" class="kraft-dark" />
      <path d="M12 10v74h74" class="frame" />
    </Drawing>
  );
}

/** A lorry that brings bags. */
export function ReceiveDrawing({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra}>
      <g transform="translate(6 12) scale(.55)">
        <Sack />
      </g>
      <path d="M4 62h56v10H4z" class="ink" />
      <path d="M60 36h16l14 18v18H60z" class="kraft-dark" />
      <path d="M66 42h8l8 11H66z" class="paper" />
      <circle cx="22" cy="75" r="9" class="wheel" />
      <circle cx="74" cy="75" r="9" class="wheel" />
    </Drawing>
  );
}

/** A bag that comes back. */
export function ReturnDrawing({ class: extra }: { class?: string }) {
  return (
    <Drawing class={extra}>
      <g transform="translate(22 26) scale(.7)">
        <Sack />
      </g>
      <path d="M88 40A40 34 0 0 0 16 30M12 10l3 22 21-4" class="frame" />
    </Drawing>
  );
}
