import { context as contextApi } from '@opentelemetry/api';
import { breakHop, endHop } from './request-hop.ts';
import type { RequestHop } from './request-hop.ts';

/** A header of the answer that is ours. */
export type AnswerHeader = readonly [name: string, value: string];

/** Returns whether a thing is the answer to a request, of any realm or server. */
export function isResponse(thing: unknown): thing is Response {
  if (typeof thing !== 'object' || thing === null) return false;
  const { status, headers } = thing as Partial<Response>;
  return typeof status === 'number' && typeof headers?.append === 'function';
}

/**
 * Returns the answer to give in place of `response`: the same status and headers, with ours added, and the same body, which is read in
 * the hop's context and ends the hop when it ends, fails or is not wanted any more. It is the same object where there is nothing to
 * follow and nothing to add.
 */
export function followAnswer(hop: RequestHop, response: Response, added: readonly AnswerHeader[]): Response {
  const { headers, reader } = partsOf(hop, response);
  if (reader !== undefined) return streamed(hop, response, headers, { reader, chunks: [], pending: undefined }, added);
  endHop(hop);
  return unfollowed(response, headers, added);
}

/**
 * Returns what {@link followAnswer} does, for an answer that is waited for. A body that is there whole stays so, and is sent with the
 * `Content-Length` that a stream has not.
 */
export async function followAnswerLater(
  hop: RequestHop,
  response: Response,
  added: readonly AnswerHeader[],
): Promise<Response> {
  const { headers, reader } = partsOf(hop, response);
  if (reader === undefined) {
    endHop(hop);
    return unfollowed(response, headers, added);
  }
  const chunks: unknown[] = [];
  while (chunks.length < MOST_CHUNKS) {
    const pending = readIn(hop, reader);
    const step = await atOnce(pending);
    if (step?.done === true && chunks.every((chunk) => chunk instanceof Uint8Array)) {
      endHop(hop);
      return copyOf(response, headers, joined(chunks as Uint8Array<ArrayBuffer>[]), added);
    }
    if (step === undefined || step.done) return streamed(hop, response, headers, { reader, chunks, pending }, added);
    chunks.push(step.value);
  }
  return streamed(hop, response, headers, { reader, chunks, pending: undefined }, added);
}

// Text is one chunk. What makes more than a few is a stream, however fast.
const MOST_CHUNKS = 4;
// A body that is there whole comes within a few turns of the queue of microtasks; what waits for anything takes longer.
const TURNS = 12;

type Reader = ReadableStreamDefaultReader<unknown>;
type Step = Awaited<ReturnType<Reader['read']>>;

function partsOf(hop: RequestHop, response: Response): { headers: Headers; reader: Reader | undefined } {
  hop.status = response.status;
  // Before the body: asked for that, the Response of `@hono/node-server` 1 forgets what was set on its headers.
  const { headers } = response;
  // Nobody reads the body of an answer to HEAD, nor one that somebody else has taken.
  if (hop.ended || hop.request.method === 'HEAD' || response.bodyUsed) return { headers, reader: undefined };
  const { body } = response;
  return { headers, reader: body === null || body.locked ? undefined : body.getReader() };
}

function readIn(hop: RequestHop, reader: Reader): Promise<Step> {
  const read = contextApi.with(hop.context, () => reader.read());
  // Whoever reads on meets it.
  read.catch(() => {});
  return read;
}

/** Returns what a promise is fulfilled with, if that is so within some turns of the queue of microtasks. */
function atOnce<T>(promise: Promise<T>): Promise<T | undefined> {
  return Promise.race([promise.catch(() => undefined), turns()]);
}

async function turns(): Promise<undefined> {
  for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
  return undefined;
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

/** A body that was read from already. */
interface Rest {
  readonly reader: Reader;
  readonly chunks: unknown[];
  pending: Promise<Step> | undefined;
}

function streamed(
  hop: RequestHop,
  response: Response,
  headers: Headers,
  rest: Rest,
  added: readonly AnswerHeader[],
): Response {
  const { reader, chunks } = rest;
  const body = new ReadableStream<unknown>(
    {
      async pull(controller) {
        if (chunks.length > 0) return controller.enqueue(chunks.shift());
        const read = rest.pending ?? readIn(hop, reader);
        rest.pending = undefined;
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
  return copyOf(response, headers, body as ReadableStream<Uint8Array<ArrayBuffer>>, added);
}

// A body that is thrown away unread, as a cache does that answers 304, is neither read nor cancelled.
const dropped =
  typeof FinalizationRegistry === 'undefined'
    ? undefined
    : new FinalizationRegistry<RequestHop>((hop) => endHop(hop, { aborted: true }));

function unfollowed(response: Response, headers: Headers, added: readonly AnswerHeader[]): Response {
  // A switch of protocols belongs to the server, and 0 is `Response.error()`: neither can be made anew.
  if (added.length === 0 || response.status < 200) return response;
  return response.bodyUsed ? response : copyOf(response, headers, response.body, added);
}

type Body = ConstructorParameters<typeof Response>[0];

function copyOf(response: Response, given: Headers, body: Body, added: readonly AnswerHeader[]): Response {
  const headers = new Headers(given);
  for (const [name, value] of added) headers.append(name, value);
  const { status, statusText, url } = response;
  const copy = new Response(body, { status, statusText, headers });
  // What was fetched says from where, which no constructor takes.
  if (url) {
    Object.defineProperty(copy, 'url', { value: url, configurable: true });
    Object.defineProperty(copy, 'redirected', { value: response.redirected, configurable: true });
  }
  return copy;
}
