import { context as contextApi, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import type { CarrierReader } from '../carrier/read.ts';
import type { HopOptions } from '../policy/options.ts';
import { rememberedSettings } from '../policy/remembered-settings.ts';
import { inboundContext, outboundFields } from '../hop/without-span.ts';
import { writeRecord } from '../carrier/write.ts';
import type { WrittenFields } from '../carrier/write.ts';
import { ThroughlineError } from '../errors.ts';

/** The environment of a process: names and values. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns a copy of `env` for a child process, with `TRACEPARENT`, `TRACESTATE` and `BAGGAGE` of the active context
 * (OpenTelemetry: environment variables as carriers). What `env` held of them goes first, in every letter case; with no
 * span active, it stays. A child process is a program like any other: it gets the user's baggage with `firstParty: true`
 * alone. Throws a `LineageError` where the chain is past a limit and `lineage` enforces it, and a `ThroughlineError` without an
 * `env`: what a child inherits of this process is for the caller to say.
 *
 * @example
 * ```ts
 * spawn('node', ['worker.js'], { env: traceEnv(process.env) });
 * ```
 */
export function traceEnv(env: Environment, options?: HopOptions): Record<string, string> {
  if (typeof env !== 'object' || env === null) {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceEnv` takes the environment to copy: traceEnv(process.env) for a program of your own, traceEnv({}) for one that is to inherit nothing.',
    );
  }
  const target = { transport: PROCESS, channel: 'process' } as const;
  const hop = { transport: PROCESS, name: 'spawn', kind: SpanKind.CLIENT, target } as const;
  return writeEnv(env, outboundFields(hop, rememberedSettings(options)));
}

/**
 * Returns the context that this process was started in: what `TRACEPARENT`, `TRACESTATE` and `BAGGAGE` hold, each only
 * where it is valid, on an empty context. Call it once, at startup. Never throws, whatever the variables hold.
 *
 * @example
 * ```ts
 * context.with(contextFromEnv(), () => tracer.startActiveSpan('import', main));
 * ```
 */
export function contextFromEnv(env: Environment = process.env, options?: HopOptions): Context {
  const hop = { transport: PROCESS, name: 'start', kind: SpanKind.SERVER, carrier: env, reader: environment } as const;
  const settings = rememberedSettings(options);
  return contextApi.with(ROOT_CONTEXT, () => inboundContext(hop, settings));
}

const PROCESS = 'process';

/** Reads the environment of a process, by its normalized names alone: a `traceparent` in lower case is no field. */
const environment: CarrierReader = {
  kind: 'meta',
  read: (env, field) => (env as Environment)[variable(field)],
};

/** Returns a copy of `env` with the fields of a hop as variables, written as its mode says. */
export function writeEnv(
  env: Environment,
  { fields: given, mode, keepsValid, foreign }: WrittenFields,
): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [field, value] of Object.entries(given)) fields[variable(field)] = value;
  const copy = writeRecord(env, {
    fields,
    mode,
    keepsValid,
    foreign: foreign?.map((name) => variable(name).toLowerCase()),
  });
  for (const name of Object.keys(copy)) if (copy[name] === undefined) delete copy[name];
  return copy as Record<string, string>;
}

// The specification's normalization: upper case, an underscore for whatever is no letter, digit or underscore, and one before a
// digit at the start. `x-b3-traceid` travels as X_B3_TRACEID.
function variable(field: string): string {
  const name = field.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_');
  return /^[0-9]/.test(name) ? `_${name}` : name;
}
