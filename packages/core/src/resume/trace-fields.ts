import { SpanKind } from '@opentelemetry/api';
import { outboundFields } from '../hop/without-span.ts';
import { checkObject, checkOneOf } from '../option-checks.ts';
import type { Target } from '../parties.ts';
import type { HopOptions } from '../policy/options.ts';
import { remembering } from '../policy/remembered-settings.ts';
import { hopSettings } from '../policy/settings.ts';
import type { HopSettings } from '../policy/settings.ts';
import { version } from '../version.ts';

/** The fields of a trace context as plain data. A type, not an interface, so that it is also a `Record<string, unknown>`. */
export type TraceFields = {
  readonly traceparent: string;
  readonly tracestate?: string;
  readonly baggage?: string;
};

/** The options of {@link traceFields}. */
export interface TraceFieldsOptions extends HopOptions {
  /**
   * Whom the fields go to, for `firstParty`, `outbound` and `baggage.send`: a name of yours, or a target. Default: a program of
   * somebody else.
   */
  readonly to?: string | Pick<Target, 'channel' | 'host' | 'name'> | undefined;
}

interface Settings {
  readonly hop: HopSettings;
  readonly target: Target;
}

/**
 * Returns the fields of the active context as a plain object, or `undefined` where no trace is active or the policy sends none: for a
 * framework that asks for them and sends them by itself. Opens no span. Without `to` or `firstParty` the receiver counts as a
 * third party, which gets no baggage of yours. Throws a `LineageError` where the chain is past a limit and `lineage` enforces it.
 *
 * @example
 * ```ts
 * new MCPClient({ servers: { search: { url, traceContext: () => traceFields({ to: 'search', firstParty: ['search'] }) } } });
 * ```
 */
export function traceFields(options?: TraceFieldsOptions): TraceFields | undefined {
  const { hop, target } = settingsOf(options);
  const { traceparent, tracestate, baggage } = outboundFields(
    { transport: TRANSPORT, name: 'fields', kind: SpanKind.CLIENT, target },
    hop,
  ).fields;
  if (traceparent === undefined) return undefined;
  return {
    traceparent,
    ...(tracestate === undefined ? undefined : { tracestate }),
    ...(baggage === undefined ? undefined : { baggage }),
  };
}

const TRANSPORT = 'fields';
const CHANNELS = ['host', 'memory', 'broker', 'process'];

const settingsOf = remembering((options: TraceFieldsOptions | undefined): Settings => {
  const hop = hopSettings(options, { name: '@throughline/core', version }, ['to']);
  const to = options?.to ?? {};
  if (typeof to === 'string') return { hop, target: { transport: TRANSPORT, channel: 'process', host: to } };
  checkObject('to', to, "a name, or a target such as { channel: 'host', host: 'tools.example.com' }");
  const { channel, host, name } = to as Partial<Target>;
  checkOneOf('to.channel', channel, CHANNELS);
  return { hop, target: { transport: TRANSPORT, channel: channel ?? 'process', host, name } };
});
