import { describe, expect, it } from "vitest";
import { reader, type Message } from "./messages";

const STREAM =
  'id: 5:5:\nevent: hello\ndata: {}\n\nid: 5:9:6\nevent: ledger\ndata: {"events":[{"code":"एक: दो"}]}\n\n';

function read(pieces: readonly string[]): Message[] {
  const got: Message[] = [];
  const take = reader((message) => got.push(message));
  pieces.forEach(take);
  return got;
}

describe("the stream's messages", () => {
  it("are whole whatever pieces the text comes in", () => {
    const whole = read([STREAM]);
    expect(whole.map((one) => [one.id, one.kind])).toEqual([
      ["5:5:", "hello"],
      ["5:9:6", "ledger"],
    ]);
    expect(whole[1]?.data).toEqual({ events: [{ code: "एक: दो" }] });
    for (let size = 1; size < 12; size++)
      expect(read(STREAM.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [])).toEqual(whole);
  });

  it("wait until they are whole", () => {
    expect(read([STREAM.slice(0, -1)])).toHaveLength(1);
  });
});
