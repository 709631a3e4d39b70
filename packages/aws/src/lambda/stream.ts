import type { RefusalAnswer } from '@throughline/core/http';

/** The stream that a function writes its answer to, where it streams it. */
export interface ResponseStream {
  write(chunk: unknown): unknown;
  end(chunk?: unknown): unknown;
  once(event: string, listener: (error?: unknown) => void): unknown;
  readonly writableFinished?: boolean;
  readonly closed?: boolean;
}

/** Whether an argument of a handler is the stream of its answer. */
export function isResponseStream(value: unknown): value is ResponseStream {
  const { write, end, once } = (value ?? {}) as Partial<ResponseStream>;
  return typeof write === 'function' && typeof end === 'function' && typeof once === 'function';
}

/** Resolves once a stream has ended, and rejects where it fails. */
export function streamEnd(stream: ResponseStream): Promise<void> {
  if (stream.writableFinished === true || stream.closed === true) return Promise.resolve();
  return new Promise((resolve, reject) => {
    stream.once('finish', () => resolve());
    stream.once('close', () => resolve());
    stream.once('error', reject);
  });
}

interface Runtime {
  readonly awslambda?: {
    readonly HttpResponseStream?: { from(stream: ResponseStream, metadata: object): ResponseStream };
  };
}

/** Writes the answer to a request that is refused. https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html */
export function streamRefusal(stream: ResponseStream, { status, contentType, body }: RefusalAnswer): void {
  const { HttpResponseStream: http } = (globalThis as Runtime).awslambda ?? {};
  const metadata = { statusCode: status, headers: { 'content-type': contentType } };
  (http?.from(stream, metadata) ?? stream).end(body);
}
