import { context as contextApi } from '@opentelemetry/api';
import { breakHop, endHop } from './request-hop.ts';
import type { RequestHop } from './request-hop.ts';
import { isWhole } from './whole-body.ts';

/** A header of the answer that is ours. */
export type AnswerHeader = readonly [name: string, value: string];

/** Returns whether a thing is the answer to a request, of any realm or server. */
export function isResponse(thing: unknown): thing is Response {
  if (typeof thing !== 'object' || thing === null) return false;
  // Asked for its headers, the light `Response` of `@hono/node-server` makes a list of them.
  if (thing instanceof Response) return true;
  const { status, headers } = thing as Partial<Response>;
  return typeof status === 'number' && typeof headers?.append === 'function';
}

/**
 * Returns the answer to give in place of `response`: the same status and headers, with ours added, and the same body, which is read in
 * the hop's context and ends the hop when it ends, fails or is not wanted any more. It is the same object where there is nothing to
 * follow and nothing to add, or where no other can be made.
 */
export function followAnswer(hop: RequestHop, response: Response, added: readonly AnswerHeader[]): Response {
  if (added.length === 0 && isWhole(response)) return over(hop, response);
  const parts = partsOf(hop, response, added);
  if (isFollowed(parts)) return streamed(hop, response, parts, { chunks: [], pending: undefined });
  endHop(hop);
  return unfollowed(response, parts, added);
}

/**
 * Returns what {@link followAnswer} does, for an answer that is waited for. A body that is there whole stays so, and is sent with the
 * `Content-Length` that a stream has not. To find that out, the first few chunks are read before somebody asks for them, for as long as
 * they come without being waited for; of a body that waits, the first is asked for.
 */
export async function followAnswerLater(
  hop: RequestHop,
  response: Response,
  added: readonly AnswerHeader[],
): Promise<Response> {
  if (added.length === 0 && isWhole(response)) return over(hop, response);
  const parts = partsOf(hop, response, added);
  if (!isFollowed(parts)) {
    endHop(hop);
    return unfollowed(response, parts, added);
  }
  const { reader, init } = parts;
  const chunks: unknown[] = [];
  while (chunks.length < MOST_CHUNKS) {
    const pending = readIn(hop, reader);
    const step = await atOnce(pending);
    if (step?.done === true && chunks.every((chunk) => chunk instanceof Uint8Array)) {
      endHop(hop);
      return copyOf(response, init, joined(chunks as Uint8Array<ArrayBuffer>[]));
    }
    if (step === undefined || step.done) return streamed(hop, response, parts, { chunks, pending });
    chunks.push(step.value);
  }
  return streamed(hop, response, parts, { chunks, pending: undefined });
}

function over(hop: RequestHop, response: Response): Response {
  hop.status = response.status;
  endHop(hop);
  return response;
}

// Text is one chunk. What makes more than a few is a stream, however fast.
const MOST_CHUNKS = 4;
// A body that is there whole comes within a few turns of the queue of microtasks; what waits for anything takes longer.
const TURNS = 12;

type Reader = ReadableStreamDefaultReader<unknown>;
type Step = Awaited<ReturnType<Reader['read']>>;

interface Parts {
  /** What another answer is made of beside the body; `undefined` where none can be made. */
  readonly init: ResponseInit | undefined;
  /** `undefined` where there is no body to follow. */
  readonly reader: Reader | undefined;
}

interface Followed extends Parts {
  readonly init: ResponseInit;
  readonly reader: Reader;
}

function isFollowed(parts: Parts): parts is Followed {
  return parts.reader !== undefined;
}

function partsOf(hop: RequestHop, response: Response, added: readonly AnswerHeader[]): Parts {
  const { status } = response;
  hop.status = status;
  // Before the body: asked for that, the Response of `@hono/node-server` 1 forgets what was set on its headers.
  const init = initOf(response, added);
  // Nobody reads the body of an answer to HEAD, nor one that somebody else has taken.
  if (init === undefined || hop.ended || hop.request.method === 'HEAD' || isBodiless(status) || response.bodyUsed) {
    return { init, reader: undefined };
  }
  const { body } = response;
  // A Response of another make has a body of another make.
  const isOurs = body !== null && typeof body.getReader === 'function' && !body.locked;
  return { init, reader: isOurs ? body.getReader() : undefined };
}

/** Returns what to make another answer of, or `undefined` where there is no need to, or it would throw. */
function initOf(response: Response, added: readonly AnswerHeader[]): ResponseInit | undefined {
  const { status } = response;
  // A switch of protocols belongs to the server, 0 is `Response.error()`, and servers send what `Response` does not take. That of
  // `@hono/node-server` throws, and is spoiled, when it is asked for more than status and headers of such an answer.
  if (!Number.isInteger(status) || status < 200 || status > 599) return undefined;
  const isEmpty = isBodiless(status);
  if (isEmpty && added.length === 0) return undefined;
  try {
    const { headers: given } = response;
    // Of what is no list of headers, `Headers` would make some of its methods.
    if (typeof given[Symbol.iterator] !== 'function') return undefined;
    const headers = added.length === 0 ? given : new Headers(given);
    for (const [name, value] of added) headers.append(name, value);
    if (isEmpty) return { status, headers };
    const init = { status, statusText: response.statusText, headers };
    // What is one of ours has been through this already.
    const isMakeable = response instanceof Response || new Response(null, init).status === status;
    return isMakeable ? init : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an answer of this status has no body, and must have none in a `Response`. */
function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

function readIn(hop: RequestHop, reader: Reader): Promise<Step> {
  const read = contextApi.with(hop.context, () => reader.read());
  // Whoever reads on meets it.
  read.catch(() => {});
  return read;
}

/** Returns what a promise is fulfilled with, if that is so within some turns of the queue of microtasks. */
async function atOnce<T>(promise: Promise<T>): Promise<T | undefined> {
  const settled: { value?: T } = {};
  promise.then(
    (value) => (settled.value = value),
    () => {},
  );
  for (let turn = 0; turn < TURNS && settled.value === undefined; turn++) await Promise.resolve();
  return settled.value;
}

function joined(chunks: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (chunks.length === 1) return chunks[0] as Uint8Array<ArrayBuffer>;
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** What was read of a body already. */
interface Begun {
  readonly chunks: unknown[];
  pending: Promise<Step> | undefined;
}

function streamed(hop: RequestHop, response: Response, { reader, init }: Followed, begun: Begun): Response {
  const { chunks } = begun;
  const body = new ReadableStream<unknown>(
    {
      async pull(controller) {
        if (chunks.length > 0) return controller.enqueue(chunks.shift());
        const read = begun.pending ?? readIn(hop, reader);
        begun.pending = undefined;
        try {
          const step = await read;
          if (!step.done) return controller.enqueue(step.value);
          endHop(hop);
          controller.close();
        } catch (error) {
          breakHop(hop, error);
          controller.error(error);
        }
      },
      cancel(reason) {
        endHop(hop, { aborted: true });
        return contextApi.with(hop.context, () => reader.cancel(reason));
      },
    },
    // Nothing is read before somebody asks for it.
    { highWaterMark: 0 },
  );
  dropped?.register(body, hop);
  return copyOf(response, init, body as ReadableStream<Uint8Array<ArrayBuffer>>);
}

// A body that is thrown away unread, as a cache does that answers 304, is neither read nor cancelled.
const dropped =
  typeof FinalizationRegistry === 'undefined'
    ? undefined
    : new FinalizationRegistry<RequestHop>((hop) => endHop(hop, { aborted: true }));

function unfollowed(response: Response, { init }: Parts, added: readonly AnswerHeader[]): Response {
  if (added.length === 0 || init === undefined) return response;
  try {
    if (isBodiless(response.status)) return new Response(null, init);
    // Of a body of another make, `Response` would make text.
    const isTaken = response.bodyUsed || (response.body !== null && !(response.body instanceof ReadableStream));
    return isTaken ? response : copyOf(response, init, response.body);
  } catch {
    // The body is locked.
    return response;
  }
}

type Body = ConstructorParameters<typeof Response>[0];

function copyOf(response: Response, init: ResponseInit, body: Body): Response {
  const { url } = response;
  const copy = new Response(body, init);
  // What was fetched says from where, which no constructor takes.
  if (url) {
    Object.defineProperty(copy, 'url', { value: url, configurable: true });
    Object.defineProperty(copy, 'redirected', { value: response.redirected, configurable: true });
  }
  return copy;
}
