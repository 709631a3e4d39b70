import { context as contextApi } from '@opentelemetry/api';
import { bindAsyncIterable } from '@throughline/core';
import { runOutbound } from '@throughline/core/adapter';
import type { HopSettings, Outcome, OutboundHop, Sending } from '@throughline/core/adapter';
import { merged, newsOfStream, taskAttributes, taskOutcome } from './task.ts';
import type { TaskNews } from './task.ts';

/** The stream behind a hop. */
interface Source {
  /** Opens it, in the context that it runs in. */
  open(sending: Sending): AsyncIterable<unknown>;
  /** How it came out that failed. */
  failure(error: unknown): Outcome;
}

/**
 * Returns a stream whose hop begins with the first item that is asked for, as the request itself does, and ends when the stream does:
 * whole, by an error, or because its reader has enough. It runs in the context of this call, whoever reads it.
 */
export function tracedStream(
  hop: OutboundHop,
  settings: HopSettings,
  source: Source,
): AsyncGenerator<unknown, void, undefined> {
  return bindAsyncIterable(items(hop, settings, source), contextApi.active());
}

async function* items(
  hop: OutboundHop,
  settings: HopSettings,
  source: Source,
): AsyncGenerator<unknown, void, undefined> {
  let news: TaskNews = {};
  const { ended, resolve, reject } = settling();
  let stream: AsyncIterable<unknown> | undefined;
  const hopEnded = runOutbound(hop, settings, {
    call(sending) {
      stream = source.open(sending);
      return ended;
    },
    outcome: () => taskOutcome(news),
    failure: (error) => {
      const outcome = source.failure(error);
      return { ...outcome, attributes: { ...taskAttributes(news), ...outcome.attributes } };
    },
  });
  try {
    for await (const item of stream as AsyncIterable<unknown>) {
      news = merged(news, newsOfStream(item));
      yield item;
    }
  } catch (error) {
    reject(error);
    throw error;
  } finally {
    resolve();
    await hopEnded.catch(() => {});
  }
}

interface Settling {
  readonly ended: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

function settling(): Settling {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const ended = new Promise<void>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { ended, resolve, reject };
}
