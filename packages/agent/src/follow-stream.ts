import { context as contextApi, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { replacing, viewOf } from '@throughline/core/adapter';

/** How something came out that is followed to its end. */
export type Ending =
  | { readonly how: 'failed'; readonly error: unknown }
  /** A result that is no stream, or a stream that was read to its end. */
  | { readonly how: 'done'; readonly value?: unknown; readonly streamed?: true }
  /** The reader went before the stream ended: `break`, `return`, `cancel`. */
  | { readonly how: 'left' }
  /** The caller aborted it, and the stream ended as if it were over. */
  | { readonly how: 'aborted' }
  /** Nobody read on for so long that nobody will. */
  | { readonly how: 'abandoned' };

/** What is told of a result that is followed. None of it may throw. */
export interface Following {
  /** What the result is advanced in. */
  readonly context: Context;
  readonly abandonMs: number;
  /** A chunk has come, so long after it was asked for, in milliseconds. */
  chunk?(value: unknown, waited: number): void;
  /** Called once. */
  ended(ending: Ending): void;
}

/** Whether a value is a stream: a web stream, or what `for await` takes. */
export function isStream(value: unknown): value is ReadableStream | AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  // One that somebody reads already is not ours to read.
  if (isWebStream(value)) return !value.locked;
  return typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function';
}

function isWebStream(value: object): value is ReadableStream {
  const { getReader, tee } = value as Partial<ReadableStream>;
  return typeof getReader === 'function' && typeof tee === 'function';
}

/** Returns a stream of the same kind that is followed to its end. */
export function followStream<S extends ReadableStream | AsyncIterable<unknown>>(stream: S, following: Following): S {
  const progress = new Progress(following);
  if (isSdkStream(stream)) return followedSdkStream(stream, progress);
  return (isWebStream(stream) ? followedWebStream(stream, progress) : followedIterable(stream, progress)) as S;
}

const ABORTED: Ending = { how: 'aborted' };

/** How far a stream has been read. */
class Progress {
  readonly #following: Following;
  readonly context: Context;
  #ended = false;
  /** Of the reader: when it last asked or was answered. */
  #seen = performance.now();
  #asked = 0;
  #isAsking = false;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(following: Following) {
    this.#following = following;
    this.context = following.context;
    const { abandonMs } = following;
    if (abandonMs !== Infinity) this.#timer = this.#watch(abandonMs);
  }

  asks(): void {
    this.#isAsking = true;
    this.#asked = performance.now();
  }

  gets(value: unknown): void {
    const now = performance.now();
    this.#isAsking = false;
    this.#seen = now;
    if (!this.#ended) this.#following.chunk?.(value, now - this.#asked);
  }

  ends(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#following.ended(ending);
  }

  /** One timer for the whole stream, which looks again where the reader has moved since. */
  #watch(abandonMs: number): NodeJS.Timeout {
    const look = (): void => {
      if (this.#ended) return;
      const idle = this.#isAsking ? 0 : performance.now() - this.#seen;
      if (idle >= abandonMs) this.ends({ how: 'abandoned' });
      else setTimeout(look, Math.max(1, abandonMs - idle)).unref();
    };
    return contextApi.with(ROOT_CONTEXT, () => setTimeout(look, abandonMs)).unref();
  }
}

function followedIterable(iterable: AsyncIterable<unknown>, progress: Progress): AsyncIterable<unknown> {
  const members = {
    [Symbol.asyncIterator]: () =>
      followedIterator(
        contextApi.with(progress.context, () => iterable[Symbol.asyncIterator]()),
        progress,
      ),
  };
  if (typeof (iterable as Partial<AsyncIterator<unknown>>).next === 'function') {
    // A generator is its own iterator.
    Object.assign(members, followedIterator(iterable as unknown as AsyncIterator<unknown>, progress));
  }
  return viewOf(iterable, replacing(members));
}

/** A stream of the SDKs of OpenAI and Anthropic. `for await`, `tee` and `toReadableStream` all get their iterator from its member. */
interface SdkStream extends AsyncIterable<unknown> {
  iterator: () => AsyncIterator<unknown>;
  readonly controller: AbortController;
}

function isSdkStream(stream: object): stream is SdkStream {
  const { iterator, controller } = stream as Partial<SdkStream>;
  return typeof iterator === 'function' && controller?.signal !== undefined && Object.hasOwn(stream, 'iterator');
}

/** In place: its methods read the member of the very stream. */
function followedSdkStream<S extends SdkStream>(stream: S, progress: Progress): S {
  const make = stream.iterator;
  let isFirst = true;
  stream.iterator = () => {
    const iterator = contextApi.with(progress.context, () => make.call(stream));
    // A second one only says that the stream has been read.
    if (!isFirst) return iterator;
    isFirst = false;
    return followedIterator(iterator, progress, stream.controller.signal);
  };
  return stream;
}

/** An object of its own: whoever reads a stream asks it for every chunk, and a view would cost that each time. */
function followedIterator(
  iterator: AsyncIterator<unknown>,
  progress: Progress,
  signal?: AbortSignal,
): AsyncIterableIterator<unknown> {
  const { context } = progress;
  const came = (result: IteratorResult<unknown>): IteratorResult<unknown> => {
    if (result.done === true)
      progress.ends(signal?.aborted === true ? ABORTED : { how: 'done', value: result.value, streamed: true });
    else progress.gets(result.value);
    return result;
  };
  const failed = (error: unknown): never => {
    progress.ends({ how: 'failed', error });
    throw error;
  };
  const followed: AsyncIterableIterator<unknown> = {
    next: (...args) => {
      progress.asks();
      let result: Promise<IteratorResult<unknown>>;
      try {
        result = contextApi.with(context, iterator.next, iterator, ...args);
      } catch (error) {
        return failed(error);
      }
      return result.then(came, failed);
    },
    [Symbol.asyncIterator]: () => followed,
  };
  for (const name of ['return', 'throw'] as const) {
    const method = iterator[name];
    if (typeof method !== 'function') continue;
    followed[name] = (value?: unknown) => {
      progress.ends(name === 'return' ? { how: 'left' } : { how: 'failed', error: value });
      return contextApi.with(context, method, iterator, value as never);
    };
  }
  return followed;
}

function followedWebStream(stream: ReadableStream, progress: Progress): ReadableStream {
  const { context } = progress;
  const reader = contextApi.with(context, () => stream.getReader() as ReadableStreamDefaultReader<unknown>);
  return new ReadableStream(
    {
      pull: async (controller) => {
        progress.asks();
        try {
          const { done, value } = await contextApi.with(context, () => reader.read());
          if (done) {
            progress.ends({ how: 'done', streamed: true });
            controller.close();
            return;
          }
          progress.gets(value);
          controller.enqueue(value);
        } catch (error) {
          progress.ends({ how: 'failed', error });
          controller.error(error);
        }
      },
      cancel: (reason) => {
        progress.ends({ how: 'left' });
        return contextApi.with(context, () => reader.cancel(reason));
      },
    },
    { highWaterMark: 0 },
  );
}
