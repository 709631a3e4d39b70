import { propagation } from '@opentelemetry/api';
import type { Attributes, Baggage, Context } from '@opentelemetry/api';
import {
  admitsKey,
  attributeKeys,
  attributeValue,
  checkMaxValues,
  defaultAttributeKeys,
} from '../policy/baggage-attributes.ts';
import { textOf, warnOnce } from '../diagnostics.ts';
import { checkKnown } from '../option-checks.ts';
import type { Pattern } from '../policy/options.ts';
import { matcher } from '../policy/pattern.ts';

/** Which baggage becomes attributes of every span. */
export interface BaggageSpanProcessorOptions {
  /**
   * Keys and patterns, or a predicate such as `ALLOW_ALL_BAGGAGE_KEYS` of `@opentelemetry/baggage-span-processor`. Keys that
   * are named are always copied; of those that only match, the first 64 of the process. Default: as `baggage.toAttributes`,
   * `session.id` and `gen_ai.conversation.id`.
   */
  readonly keys?: readonly Pattern[] | ((key: string) => boolean) | undefined;
  /** How many different values a key may have in this process; further ones become `_other`. Default: any number. */
  readonly maxValues?: number | undefined;
}

/** What a span processor sees of a span that starts, in the SDKs of both lines. */
export interface StartedSpan {
  readonly attributes?: Attributes | undefined;
  setAttribute(key: string, value: string): unknown;
}

/** A span processor of the OpenTelemetry SDK, 2.x or 3.x. */
export interface BaggageSpanProcessor {
  onStart(span: StartedSpan, parentContext: Context): void;
  onEnd(): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * Returns a span processor that copies baggage onto every span as it starts, hop or not: printable text of at most 256
 * characters. An attribute that the span was started with stays as it is, and lineage is never copied. Throws a
 * {@link ThroughlineError} for a wrong option.
 *
 * @example
 * ```ts
 * new TracerProvider({ spanProcessors: [baggageSpanProcessor({ keys: ['session.id', 'tenant.*'] }), exporting] });
 * ```
 */
export function baggageSpanProcessor(options: BaggageSpanProcessorOptions = {}): BaggageSpanProcessor {
  const { keys = defaultAttributeKeys, maxValues } = options;
  checkKnown(options, ['keys', 'maxValues'], 'baggageSpanProcessor');
  checkMaxValues('maxValues', maxValues);
  // Names are looked up; only patterns and predicates look at every member.
  const rest = typeof keys === 'function' ? keys : matchesOf(keys);
  const names = typeof keys === 'function' ? [] : attributeKeys(keys.filter(isName));
  const copy = (span: StartedSpan, key: string, value: unknown): void => {
    const text = attributeValue(key, value, maxValues);
    // What made the span knows better than what came with a message.
    if (text === undefined || (span.attributes !== undefined && Object.hasOwn(span.attributes, key))) return;
    span.setAttribute(key, text);
  };
  // A request has one baggage and many spans: which of its members match is found out once.
  const matched = new WeakMap<Baggage, readonly (readonly [string, unknown])[]>();
  const matchedOf = (baggage: Baggage, matches: (key: string) => boolean): readonly (readonly [string, unknown])[] => {
    let members = matched.get(baggage);
    if (members === undefined) {
      members = baggage
        .getAllEntries()
        .filter(([key]) => !names.includes(key) && matches(key) && admitsKey(key))
        .map(([key, { value }]) => [key, value] as const);
      matched.set(baggage, members);
    }
    return members;
  };
  return {
    onStart(span, parentContext) {
      const baggage = propagation.getBaggage(parentContext);
      if (baggage === undefined) return;
      // A predicate of the user's, or somebody else's implementation of baggage: neither keeps a span from starting.
      try {
        for (const name of names) copy(span, name, baggage.getEntry(name)?.value);
        if (rest !== undefined) for (const [key, value] of matchedOf(baggage, rest)) copy(span, key, value);
      } catch (error) {
        warnOnce('baggage-span-processor', `baggage was not copied onto a span: ${textOf(error)}`);
      }
    },
    onEnd() {},
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

function isName(pattern: Pattern): pattern is string {
  return typeof pattern === 'string' && !pattern.includes('*');
}

function matchesOf(keys: readonly Pattern[]): ((key: string) => boolean) | undefined {
  // All are checked, names too.
  matcher(keys, 'keys');
  const patterns = keys.filter((key) => !isName(key));
  return patterns.length === 0 ? undefined : matcher(patterns, 'keys');
}
