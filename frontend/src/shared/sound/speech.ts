import { useSyncExternalStore } from "react";

const SPEECH = "tracetrack.speech";
/** A little faster than the platform speaks: the next bag is on its way. */
const RATE = 1.15;

const watchers = new Set<() => void>();

export const speechOn = (): boolean => localStorage.getItem(SPEECH) === "on";

export function turnSpeech(on: boolean): void {
  localStorage.setItem(SPEECH, on ? "on" : "off");
  if (!on && "speechSynthesis" in window) speechSynthesis.cancel();
  for (const watcher of watchers) watcher();
}

/** A voice of this device for the language on screen; never one that would need the network. */
function voiceOf(language: string): SpeechSynthesisVoice | null {
  if (!("speechSynthesis" in window)) return null;
  const speaks = (voice: SpeechSynthesisVoice) => voice.lang.toLowerCase().split(/[-_]/)[0] === language;
  return speechSynthesis.getVoices().find((voice) => voice.localService && speaks(voice)) ?? null;
}

const language = (): string => document.documentElement.lang;

export type Speech = "none" | "on" | "off";

/** Whether numbers are spoken; "none" where this device has no voice of its own for the language. */
export function useSpeech(): Speech {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      // Voices come some time after the page.
      const voices = "speechSynthesis" in window ? speechSynthesis : null;
      voices?.addEventListener("voiceschanged", watcher);
      return () => {
        watchers.delete(watcher);
        voices?.removeEventListener("voiceschanged", watcher);
      };
    },
    () => (voiceOf(language()) === null ? "none" : speechOn() ? "on" : "off"),
  );
}

/** Says a text; what was being said before is old and stops. */
export function speak(text: string): void {
  const voice = speechOn() ? voiceOf(language()) : null;
  if (voice === null) return;
  speechSynthesis.cancel();
  const said = new SpeechSynthesisUtterance(text);
  said.voice = voice;
  said.lang = voice.lang;
  said.rate = RATE;
  speechSynthesis.speak(said);
}
