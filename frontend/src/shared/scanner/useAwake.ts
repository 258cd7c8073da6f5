import { useEffect } from "react";

/** Keeps the screen on while this is shown, where the device can. */
export function useAwake(): void {
  useEffect(() => {
    const lock = (navigator as Partial<Navigator>).wakeLock;
    if (lock === undefined) return;
    let held: WakeLockSentinel | null = null;
    let gone = false;
    const hold = async () => {
      if (document.visibilityState !== "visible") return;
      // Refused on a low battery: then the phone's own rule holds.
      const got = await lock.request("screen").catch(() => null);
      if (gone) await got?.release();
      else held = got;
    };
    const again = () => void hold();
    again();
    // The system lets go whenever the page is hidden.
    document.addEventListener("visibilitychange", again);
    return () => {
      gone = true;
      document.removeEventListener("visibilitychange", again);
      void held?.release();
    };
  }, []);
}
