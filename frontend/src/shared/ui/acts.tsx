import type { ComponentChildren } from "preact";
import { Drawing, Sack } from "./icons";

// The pictures of what one can do and what went wrong on the floor: they must say it without the words.

interface Picture {
  class?: string | undefined;
}

/** A child bag to put into a drawing. */
function Pouch() {
  return (
    <>
      <path d="M27 26h42l5 56c.3 3-1.5 5-4.500 5h-43c-3 0-4.800-2-4.500-5z" class="kraft" />
      <path d="M27 26l3-13h36l3 13z" class="kraft-light" />
      <path d="M27 26h42" class="rope" />
      <rect x="34" y="46" width="28" height="20" rx="3" class="paper" />
      <path d="M40 51v10M46 51v10M51 51v10M56 51v10" class="bars" />
    </>
  );
}

/** A round badge in a corner. */
function Badge({ tone, children }: { tone: string; children: ComponentChildren }) {
  return (
    <g class="badge-mark" data-tone={tone}>
      <circle cx="70" cy="68" r="22" />
      {children}
    </g>
  );
}

/** A big bag with a tick. */
export function DoneDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="done">
      <Sack />
      <Badge tone="ok">
        <path d="M60 68l7 8 13-15" />
      </Badge>
    </Drawing>
  );
}

/** From one big bag to another. */
export function NextDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="next">
      <g transform="translate(42 22) scale(.62)">
        <Sack />
      </g>
      <g transform="translate(-6 50) scale(.42)" class="faint">
        <Sack />
      </g>
      <path d="M8 30h30M27 17l13 13-13 13" class="stroke-thick" />
    </Drawing>
  );
}

/** Keys. */
export function TypeDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="type">
      <rect x="5" y="22" width="86" height="54" rx="8" class="paper outlined" />
      <path
        d="M19 37h.1M34 37h.1M49 37h.1M64 37h.1M78 37h.1M19 50h.1M34 50h.1M49 50h.1M64 50h.1M78 50h.1"
        class="keys"
      />
      <path d="M30 64h36" class="keys" />
    </Drawing>
  );
}

/** A phone that sees a label; crossed out where it cannot. */
export function CameraDrawing({ class: extra, crossed }: Picture & { crossed?: boolean }) {
  return (
    <Drawing class={extra} name="camera">
      <rect x="22" y="5" width="52" height="86" rx="9" class="paper outlined" />
      <path d="M33 28v-9h10M63 28v-9H53M33 59v9h10M63 59v9H53" class="phone-frame" />
      <path d="M36 33v21M42 33v21M47 33v21M53 33v21M60 33v21" class="bars thick" />
      <path d="M44 81h8" class="phone-frame" />
      {crossed === true && <path d="M8 12l80 74" class="beam cross" />}
    </Drawing>
  );
}

/** A small bag that comes out of the big one again. */
export function UndoDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="undo">
      <g transform="translate(30 34) scale(.64)">
        <Sack />
      </g>
      <g transform="translate(-2 44) scale(.5)">
        <Pouch />
      </g>
      <path d="M68 34C62 12 34 8 22 32M12 20l9 15 16-7" class="stroke-thick" />
    </Drawing>
  );
}

/** A small bag that goes into the big one. */
export function IntoDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="into">
      <g transform="translate(30 34) scale(.64)">
        <Sack />
      </g>
      <g transform="translate(-2 44) scale(.5)">
        <Pouch />
      </g>
      <path d="M22 38C28 14 54 8 66 26M70 12l-2 17-17-3" class="stroke-thick" />
    </Drawing>
  );
}

/** A small bag that is in a big one already. */
function InOtherDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="in-other">
      <g transform="translate(-4 -2) scale(1.08)">
        <Sack />
      </g>
      <g transform="translate(22 32) scale(.58)">
        <Pouch />
      </g>
    </Drawing>
  );
}

/** A big bag where a small one should be, or the other way round. */
function WrongSizeDrawing({ class: extra, big }: Picture & { big: boolean }) {
  return (
    <Drawing class={extra} name={big ? "not-a-big-bag" : "not-a-small-bag"}>
      {big ? <Sack /> : <Pouch />}
      <Badge tone="refused">
        <path d="M62 60l16 16M78 60L62 76" />
      </Badge>
    </Drawing>
  );
}

/** A lorry that has left. */
function GoneDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="gone">
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

/** A place somewhere else. */
function OtherAreaDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="other-area">
      <g transform="translate(-4 38) scale(.58)">
        <Sack />
      </g>
      <path d="M66 88C66 88 90 62 90 38a24 24 0 0 0-48 0C42 62 66 88 66 88z" class="paper outlined" />
      <circle cx="66" cy="38" r="9" class="bars-fill" />
    </Drawing>
  );
}

/** A label that cannot be read. */
export function TornDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="torn">
      <path d="M8 24h42l-6 12 8 10-8 12 6 14H8z" class="paper outlined" />
      <path d="M62 24h26v48H60l6-14-8-12 8-10z" class="paper outlined" />
      <path d="M18 35v26M25 35v26M31 35v26M38 35v26M72 35v26M79 35v26" class="bars thick" />
    </Drawing>
  );
}

/** A label that should not have been scanned: struck out under the beam. */
export function MistakeDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="mistake">
      <rect x="14" y="24" width="68" height="48" rx="6" class="paper outlined" />
      <path d="M27 36v24M35 36v24M42 36v24M51 36v24M60 36v24M68 36v24" class="bars thick" />
      <path d="M8 12l80 72" class="beam cross" />
    </Drawing>
  );
}

/** A small bag that was moved to the side. */
export function AsideDrawing({ class: extra }: Picture) {
  return (
    <Drawing class={extra} name="aside">
      <g transform="translate(-10 34) scale(.5)" class="faint">
        <Pouch />
      </g>
      <g transform="translate(40 22) scale(.66)">
        <Pouch />
      </g>
      <path d="M10 24h32M29 11l13 13-13 13" class="stroke-thick" />
      <path d="M4 86h88" class="stroke-thick" />
    </Drawing>
  );
}

/** What went wrong, as a picture; nothing where none says it. */
export function ProblemDrawing({ code, class: extra }: Picture & { code: string }) {
  switch (code) {
    case "child_in_other_parent":
      return <InOtherDrawing class={extra} />;
    case "bag_is_parent":
      return <WrongSizeDrawing class={extra} big />;
    case "bag_is_child":
    case "no_current_parent":
    case "previous_missing":
      return <WrongSizeDrawing class={extra} big={false} />;
    case "parent_locked":
      return <GoneDrawing class={extra} />;
    case "bag_in_other_area":
      return <OtherAreaDrawing class={extra} />;
    case "bad_code":
      return <TornDrawing class={extra} />;
    default:
      return null;
  }
}
