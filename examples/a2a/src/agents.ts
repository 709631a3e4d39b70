import { ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client';
import type { Client } from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';
// #region readme
import { DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import type { AgentExecutor } from '@a2a-js/sdk/server';
import type { AgentCard } from '@a2a-js/sdk';
import { traceA2aClient, traceExecutor } from '@throughline/a2a';

export function handlerOf(card: AgentCard, executor: AgentExecutor): DefaultRequestHandler {
  return new DefaultRequestHandler(card, new InMemoryTaskStore(), traceExecutor(executor, { agent: card.name }));
}

export async function clientFor(factory: ClientFactory, url: string): Promise<Client> {
  return traceA2aClient(await factory.createFromUrl(url));
}
// #endregion

export const bindings = ['JSONRPC', 'HTTP+JSON', 'GRPC'] as const;
export type Binding = (typeof bindings)[number];

/** Returns a client of the agent at a URL for each binding of the protocol. */
export async function clientsFor(url: string): Promise<Record<Binding, Client>> {
  const transports = [new JsonRpcTransportFactory(), new RestTransportFactory(), new GrpcTransportFactory()];
  const over = (binding: Binding): Promise<Client> =>
    clientFor(new ClientFactory({ transports, preferredTransports: [binding] }), url);
  return { JSONRPC: await over('JSONRPC'), 'HTTP+JSON': await over('HTTP+JSON'), GRPC: await over('GRPC') };
}
