/** The connection that one answer goes out on. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { deferred } from './deferred.ts';

export interface Connection {
  /** Sends status and headers, before there is a body. */
  head(status: number, headers: OutgoingHttpHeaders): void;
  /** Resolves when the system has the text: what was sent before a reset arrives. */
  write(text: string): Promise<void>;
  end(text?: string): Promise<void>;
  /** Breaks the connection. */
  reset(): void;
  /** Resolves with a promise, but rejects as soon as the client goes away. */
  until(promise: Promise<unknown>): Promise<void>;
  /** Aborts when the client goes away. */
  readonly gone: AbortSignal;
}

/** Returns the connection of a response. */
export function connectionOf(response: ServerResponse): Connection {
  const gone = new AbortController();
  const left = deferred<never>();
  response.once('close', () => {
    gone.abort();
    left.reject(new Error('The client went away'));
  });
  const until = async (promise: Promise<unknown>): Promise<void> => {
    await Promise.race([promise, left.promise]);
  };
  return {
    head: (status, headers) => {
      response.writeHead(status, headers);
      response.flushHeaders();
    },
    write: (text) =>
      until(
        new Promise<void>((resolve, reject) => {
          response.write(text, (error) => (error ? reject(error) : resolve()));
        }),
      ),
    end: (text = '') => until(new Promise<void>((resolve) => response.end(text, () => resolve()))),
    reset: () => void response.socket?.resetAndDestroy(),
    until,
    gone: gone.signal,
  };
}
