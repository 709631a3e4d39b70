import { fileURLToPath } from 'node:url';
import { echoTool } from './echo.ts';
import type { Seen } from './echo.ts';
import type { Connected, Line, Sdk, Tracing } from './sdk.ts';
import { openSideChannel } from './side-channel.ts';
import type { McpVariant } from './variant.ts';

/** What is between the client and the server. */
export type Between = 'memory' | 'stdio';

/** A client connected to a server, and what only the server's end knows. */
export interface Connection extends Connected {
  /** How the first call reached the tool. */
  seen(): Promise<Seen>;
  /** CPU time of the server's process, where it has one of its own. Microseconds. */
  cpu(): Promise<number>;
  /** Spans that have ended in that process. */
  spans(): Promise<number>;
}

/** Connects both ends in this process. */
export async function connectInMemory(sdk: Sdk, tracing: Tracing): Promise<Connection> {
  const echo = echoTool();
  const none = (): Promise<number> => Promise.resolve(0);
  const connected = await sdk.inMemory(echo.tool, tracing);
  return { ...connected, seen: () => Promise.resolve(echo.seen()), cpu: none, spans: none };
}

/** Connects to a server in a process of its own, with its own telemetry. */
export async function connectOverStdio(
  sdk: Sdk,
  tracing: Tracing,
  variant: McpVariant,
  line: Line,
): Promise<Connection> {
  const { port, answering } = await openSideChannel();
  const script = fileURLToPath(new URL('stdio-server.ts', import.meta.url));
  const connected = await sdk.spawn([...process.execArgv, script, variant, line, String(port)], tracing);
  const ask = await answering;
  return {
    ...connected,
    seen: async () => (await ask('seen')) as Seen,
    cpu: async () => Number(await ask('cpu')),
    spans: async () => Number(await ask('spans')),
  };
}
