/** The browser stores nothing for this page: a private window, or no room. Scans would not be safe. */
export class KeepsNothing extends Error {}
