import { options } from "preact";

const CODE = /(?:^|\s)code(?:\s|$)/;

/**
 * A code is never translated: a browser that translates the page would change what is on a label, and take
 * the text's node away from whoever renders it. Whatever is set in `.code` is left alone.
 */
export function leaveCodesUntranslated(): void {
  const before = options.vnode?.bind(options);
  options.vnode = (vnode) => {
    const props = vnode.props as { class?: unknown; translate?: boolean };
    if (typeof vnode.type === "string" && typeof props.class === "string" && CODE.test(props.class))
      props.translate = false;
    before?.(vnode);
  };
}
