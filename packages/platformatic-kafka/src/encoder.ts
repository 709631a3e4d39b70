import { optionError, warnOnce } from '@throughline/core/adapter';

/** Makes of a header's text what the producer's serializer takes; `undefined` where nothing is known to do. */
export interface HeaderEncoder {
  readonly key: ((text: string) => unknown) | undefined;
  readonly value: ((text: string) => unknown) | undefined;
}

const asBuffer = (text: string): Buffer => Buffer.from(text);
const asText = (text: string): string => text;

/** Returns how headers of ours are handed to a producer, whose serializers decide whether text or bytes are right. */
export function encoderOf(producer: object, option: 'buffer' | 'string' | undefined): HeaderEncoder {
  switch (option) {
    case 'buffer':
      return { key: asBuffer, value: asBuffer };
    case 'string':
      return { key: asText, value: asText };
    case undefined: {
      const { headerKey, headerValue } = serializersOf(producer);
      return { key: encodes(headerKey), value: encodes(headerValue) };
    }
    default:
      throw optionError('headers', "'buffer' or 'string'", option);
  }
}

interface Serializers {
  readonly headerKey?: unknown;
  readonly headerValue?: unknown;
}

// The client keeps what it was constructed with under a symbol that it does not export.
function serializersOf(producer: object): Serializers {
  const symbol = Object.getOwnPropertySymbols(producer).find(({ description }) => description === OPTIONS);
  if (symbol === undefined) return {};
  const options = (producer as Record<symbol, unknown>)[symbol] as { serializers?: Serializers } | undefined;
  return options?.serializers ?? {};
}

const OPTIONS = 'plt.kafka.base.options';

const PROBE = 'traceparent';

// Asked with a probe: a serializer of text gives nothing for bytes, and one of JSON would put quotes around ours.
function encodes(serializer: unknown): ((text: string) => unknown) | undefined {
  if (typeof serializer !== 'function') return asBuffer;
  for (const encode of [asText, asBuffer]) {
    try {
      const bytes: unknown = (serializer as (data: unknown) => unknown)(encode(PROBE));
      if (bytes instanceof Uint8Array && Buffer.from(bytes).toString() === PROBE) return encode;
    } catch {
      // Not what it takes.
    }
  }
  warnOnce(
    'platformatic-serializer',
    'a header serializer of a producer keeps neither text nor bytes as they are, so its messages carry no trace context. Give `headers` to traceProducer, or another serializer to the producer.',
  );
  return undefined;
}
