export interface Point {
  x: number;
  y: number;
}

/** The kinds of codes that a site may let its cameras read, by the names of the browsers' own reader. */
export type CodeFormat =
  "qr_code" | "data_matrix" | "code_128" | "ean_13" | "ean_8" | "code_39" | "itf" | "pdf417" | "aztec";

export const FORMATS: readonly CodeFormat[] = [
  "qr_code",
  "data_matrix",
  "code_128",
  "ean_13",
  "ean_8",
  "code_39",
  "itf",
  "pdf417",
  "aztec",
];

/** One code that was seen in a frame. */
export interface Found {
  text: string;
  format: CodeFormat;
  /** A row of bars, which has less to check itself by than a matrix has. */
  linear: boolean;
  /** In px of the frame, around the code. */
  corners: readonly Point[];
}

/** What came of one look at a picture. */
export interface Look {
  found: Found[];
  /** There is a code whose parts do not fit together: torn, too far away or out of focus. */
  broken: boolean;
}

/** One picture of the camera, as pixels, and the kinds of codes that are looked for. */
export interface Frame {
  data: ArrayBuffer;
  width: number;
  height: number;
  formats: readonly CodeFormat[];
}

/** What the reader in its worker says of a frame. */
export type Reading = Look | { failed: string };

const MATRIX: readonly CodeFormat[] = ["qr_code", "data_matrix", "pdf417", "aztec"];

export const isLinear = (format: CodeFormat): boolean => !MATRIX.includes(format);
