import { ClientRequest } from 'node:http';
import type { ClientRequestArgs } from 'node:http';
import type { Context } from '@opentelemetry/api';
import type { LineageError } from '@throughline/core';
import { emitIn } from './client-request.ts';
import type { HttpCall } from './http-call.ts';
import { LentContext } from './lent-context.ts';

/** Returns a request that connects to nobody, and emits the error once whoever asked may listen, as one that finds nobody does. */
export function refusedRequest(error: LineageError, { method, path }: HttpCall, caller: Context): ClientRequest {
  const agent = {
    protocol: 'http:',
    defaultPort: 80,
    // How an agent tells that there is no socket to be had. https://nodejs.org/api/http.html#agentcreateconnectionoptions-callback
    addRequest: (request: { onSocket(socket: null, error: unknown): void }) => request.onSocket(null, error),
  };
  const request = new ClientRequest({
    method,
    path,
    agent: agent as unknown as NonNullable<ClientRequestArgs['agent']>,
  });
  emitIn(new LentContext(caller, caller), request);
  return request;
}
