/**
 * How a kind of carrier repeats a field. `http`: a repeated `traceparent` is invalid (Node joins them with a comma);
 * `message`: the last valid one counts; `meta`: only a string counts.
 */
export type CarrierKind = 'http' | 'message' | 'meta';

/** Reads one field of a carrier. `read` returns whatever is there: a string, bytes, an array of those where the field is repeated (also in other letter cases), or nothing. Core decides what of it counts. */
export interface CarrierReader {
  readonly kind: CarrierKind;
  /** `field` is in lower case. Must not throw on any carrier. */
  read(carrier: unknown, field: string): unknown;
}
