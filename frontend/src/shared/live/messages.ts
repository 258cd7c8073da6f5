/** One message of the stream; `id` says how far it has come. */
export interface Message {
  id: string;
  kind: string;
  data: unknown;
}

/**
 * Takes the stream's text as it comes, in pieces of any size, and hands over each message that is whole.
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html, as far as our server speaks it.)
 */
export function reader(onMessage: (message: Message) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    rest += text;
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map<string, string>();
      for (const line of block.split("\n")) {
        const colon = line.indexOf(": ");
        if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
      }
      const data = fields.get("data");
      if (data !== undefined)
        onMessage({
          id: fields.get("id") ?? "",
          kind: fields.get("event") ?? "message",
          data: JSON.parse(data),
        });
    }
  };
}
