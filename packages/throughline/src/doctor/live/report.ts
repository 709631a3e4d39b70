/** What the probe in a process of the project's writes down, a line of JSON each. */
export type ProbeLine = Inspected | Flushed;

/** What is registered with OpenTelemetry's api. */
export interface Inspected {
  readonly kind: 'inspected';
  readonly pid: number;
  /** Whether it looked because the process had nothing left to do. */
  readonly isEnding: boolean;
  /** The version of the api that registered, or `undefined` where nothing did. */
  readonly api?: string;
  readonly fields: readonly string[];
  /** The names of what the propagator wrote for a sampled span and a baggage member. */
  readonly injected: readonly string[];
  readonly context: { readonly isRegistered: boolean; readonly survivesAwait: boolean };
  readonly provider?: {
    readonly name: string;
    /** How many of the spans that the probe started were recorded. */
    readonly recorded: number;
    readonly started: number;
    /** Left out where it is no provider of an OpenTelemetry SDK. */
    readonly processors?: readonly ProbedProcessor[];
  };
  /** For each copy of the api: whether a span that it starts is one of the provider's. */
  readonly copies: readonly { readonly place: string; readonly reaches: boolean }[];
  /** Which of Node's own modules are patched, such as `http`. */
  readonly patchedModules: readonly string[];
  /** The libraries that have an active instrumentation, and whether it patched them when they were loaded as the program does. */
  readonly libraries: readonly { readonly name: string; readonly isPatched: boolean }[];
}

export interface ProbedProcessor {
  readonly name: string;
  readonly exporter?: string;
  readonly endpoint?: string;
}

/** A processor was flushed or shut down. */
export interface Flushed {
  readonly kind: 'flushed';
  readonly pid: number;
}

/** What the probe is told, by its environment. */
export interface ProbeOrders {
  /** The file that it appends to. */
  readonly report: string;
  /** The project's folder. */
  readonly folder: string;
  /** Files of copies of the api, by their places. */
  readonly copies: Readonly<Record<string, string>>;
  /** What it loads to see whether it is patched. */
  readonly libraries: readonly string[];
  readonly isEsm: boolean;
  /** Milliseconds until it looks at what is there, if nothing is registered before. */
  readonly waitMs: number;
  /** Whether it is the program, after the set-up; else it is there before both. */
  readonly isMain: boolean;
  /** Whether it then keeps the process alive until it is told to end. */
  readonly stays: boolean;
}
