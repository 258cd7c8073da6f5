export interface Point {
  x: number;
  y: number;
}

/** One code that was seen in a frame. */
export interface Found {
  text: string;
  /** A row of bars, which has less to check itself by than a matrix has. */
  linear: boolean;
  /** In px of the frame, around the code. */
  corners: readonly Point[];
}

/** One picture of the camera, as pixels. */
export interface Frame {
  data: ArrayBuffer;
  width: number;
  height: number;
}

/** What the reader in its worker says of a frame. */
export type Reading = { found: Found[] } | { failed: string };
