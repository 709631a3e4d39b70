import { sameType } from '@throughline/core/adapter';
import { createMessage } from '@throughline/core/messaging';
import type { Sender } from '@throughline/core/messaging';

type Loose = Record<'write' | 'end' | 'destroy', (...args: unknown[]) => unknown>;

/**
 * Returns a producer stream of the same type in which each message that is written gets a PRODUCER span `create {topic}` of the
 * context it was written in: the stream sends it later, together with others.
 */
export function traceProducerStream<S extends object>(stream: S, settings: Sender): S {
  const target = stream as unknown as Loose;
  const proxy: S = sameType(
    stream,
    {
      write(message: unknown, ...rest: unknown[]) {
        const written = created(message, target, settings);
        return written === refused ? false : target.write(written, ...rest);
      },
      end(...args: unknown[]) {
        const [message, ...rest] = args;
        if (message === undefined || message === null || typeof message === 'function') target.end(...args);
        else {
          const written = created(message, target, settings);
          if (written !== refused) target.end(written, ...rest);
        }
        return proxy;
      },
    },
    settings.hop,
  );
  return proxy;
}

const refused = Symbol('refused');

// A refused message destroys the stream with the LineageError, as a failed send does: a throw would miss who pipes into it.
function created(message: unknown, target: Loose, settings: Sender): unknown {
  const { topic } = (message ?? {}) as { topic?: unknown };
  if (typeof topic !== 'string') return message;
  try {
    return createMessage(topic, message, settings);
  } catch (error) {
    target.destroy(error);
    return refused;
  }
}
