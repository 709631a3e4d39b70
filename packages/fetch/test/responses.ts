import type { ClientRequest, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

/** Resolves with the text of the response to a request, or rejects with the error that it emits. */
export function textOf(request: ClientRequest): Promise<string> {
  return new Promise<IncomingMessage>((resolve, reject) => request.on('response', resolve).on('error', reject)).then(
    text,
  );
}
