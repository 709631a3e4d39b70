import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { AgentCard } from '@a2a-js/sdk';
import type { AgentExecutor } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import { A2AService, grpcService, UserBuilder as GrpcUserBuilder } from '@a2a-js/sdk/server/grpc';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { traceContext } from '@throughline/express';
import express from 'express';
import type { Express } from 'express';
import { handlerOf } from './agents.ts';
import { startTelemetry } from './telemetry.ts';

/** Serves an app until this process is asked to stop, and flushes what it exports. */
export async function serve(name: string, fill: (app: Express, url: string) => Promise<unknown>): Promise<void> {
  const telemetry = startTelemetry(name);
  const app = express();
  // An agent card is fetched before anybody asks.
  app.use(traceContext({ agent: name, ignore: ({ url }) => url?.startsWith('/.well-known/') === true }));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await fill(app, url);
  process.send?.({ url });
  await once(process, 'SIGTERM');
  server.closeAllConnections();
  await telemetry.shutdown();
  process.exit(0);
}

/** Serves an agent by all three bindings of the protocol. */
export async function serveAgent(name: string, executor: AgentExecutor): Promise<void> {
  await serve(name, async (app, url) => {
    const card = AgentCard.fromJSON({
      name,
      description: name,
      version: '1.0.0',
      capabilities: { streaming: true },
      defaultInputModes: ['text/plain'],
      defaultOutputModes: ['text/plain'],
    });
    const requestHandler = handlerOf(card, executor);
    const grpc = new GrpcServer();
    grpc.addService(A2AService, grpcService({ requestHandler, userBuilder: GrpcUserBuilder.noAuthentication }));
    const port = await new Promise<number>((resolve, reject) => {
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const offered = (protocolBinding: string, at: string) => ({
      url: at,
      protocolBinding,
      protocolVersion: '1.0',
      tenant: '',
    });
    card.supportedInterfaces.push(
      offered('JSONRPC', url),
      offered('HTTP+JSON', `${url}/rest`),
      offered('GRPC', `127.0.0.1:${port}`),
    );
    const userBuilder = UserBuilder.noAuthentication;
    app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: requestHandler }));
    app.use('/rest', restHandler({ requestHandler, userBuilder }));
    app.use('/', jsonRpcHandler({ requestHandler, userBuilder }));
  });
}
