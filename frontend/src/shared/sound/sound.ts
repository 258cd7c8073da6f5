/** What can come of any scan. */
export type Tone = "ok" | "already" | "refused" | "waiting";

/** What can come of a scan on the floor. Each has a colour, a shape, a sound and a word of its own. */
export const OUTCOMES = [
  ...(["ok", "full", "over", "short", "already", "completed"] as const),
  ...(["other", "ask", "refused", "waiting", "out"] as const),
];
export type Outcome = (typeof OUTCOMES)[number];

const SOUND = "tracetrack.sound";
const VIBRATION = "tracetrack.vibration";

let audio: AudioContext | null = null;

export const soundOn = (): boolean => localStorage.getItem(SOUND) !== "off";
export const vibrationOn = (): boolean => localStorage.getItem(VIBRATION) !== "off";
export const turnSound = (on: boolean): void => localStorage.setItem(SOUND, on ? "on" : "off");
export const turnVibration = (on: boolean): void => localStorage.setItem(VIBRATION, on ? "on" : "off");

/** Phones are silent until the first touch or key; that one opens the sound for good. */
export function unlockSoundOnFirstTouch(): void {
  const unlock = () => {
    audio ??= "AudioContext" in window ? new AudioContext() : null;
    if (audio?.state === "suspended") void audio.resume();
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, unlock, { passive: true });
}

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const numbers = (text: string): number[] => text.split(/\s+/).map(Number).filter(Number.isFinite);

/** Plays a tone and shakes the phone, as far as the user wants and the phone can. */
export function signal(tone: Outcome): void {
  if (vibrationOn() && "vibrate" in navigator) navigator.vibrate(numbers(token(`--buzz-${tone}`)));
  if (soundOn() && audio !== null) play(audio, tone);
}

function play(context: AudioContext, tone: Outcome): void {
  const notes = numbers(token(`--sound-${tone}`));
  const loudness = Number(token("--sound-loudness")) || 0.5;
  let at = context.currentTime + 0.005;
  for (let i = 0; i + 1 < notes.length; i += 2) {
    const hertz = notes[i] ?? 0;
    const seconds = (notes[i + 1] ?? 0) / 1_000;
    if (hertz > 0) {
      const note = context.createOscillator();
      const volume = context.createGain();
      note.type = token(`--sound-${tone}-wave`) as OscillatorType;
      note.frequency.value = hertz;
      // Soft edges: a tone cut off clicks.
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(loudness, at + 0.008);
      volume.gain.setValueAtTime(loudness, at + Math.max(0.01, seconds - 0.02));
      volume.gain.linearRampToValueAtTime(0, at + seconds);
      note.connect(volume).connect(context.destination);
      note.start(at);
      note.stop(at + seconds);
    }
    at += seconds;
  }
}
