import { createContext } from "preact";

/** Why nothing that is scanned can be sent until this person has done something, and the way there. */
export interface Interruption {
  why: "ended" | "password" | "totp";
  go: () => void;
}

export const Interrupted = createContext<Interruption | null>(null);
