/** The page with all it asked for is here, and `ms` have passed: the line is free for what is not on screen yet. */
export function loaded(ms: number): Promise<void> {
  return new Promise((go) => {
    const begin = () => setTimeout(go, ms);
    if (document.readyState === "complete") begin();
    else addEventListener("load", begin, { once: true });
  });
}
