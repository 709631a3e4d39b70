/** Bounds on what is read from a carrier and written to one, applied before anything is decoded. */
export interface Limits {
  /** List members of `tracestate`; past that the whole list is dropped (Trace Context Level 2, 3.3.1.1). Default 32. */
  readonly tracestateMembers: number;
  /** List members of `baggage` (W3C Baggage, 3.3.2). Default 64. */
  readonly baggageMembers: number;
  /** Bytes of `baggage` in total; whole members are dropped from the end past that. Default 8192. */
  readonly baggageBytes: number;
  /** Bytes of any one field. Default 8192. */
  readonly fieldBytes: number;
}

/** The limits of the W3C specifications. */
export const defaultLimits: Limits = Object.freeze({
  tracestateMembers: 32,
  baggageMembers: 64,
  baggageBytes: 8192,
  fieldBytes: 8192,
});
