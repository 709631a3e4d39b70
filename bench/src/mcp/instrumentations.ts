import { MCPInstrumentation } from '@arizeai/openinference-instrumentation-mcp';
import { McpInstrumentation } from '@traceloop/instrumentation-mcp';
import type { Sdk } from './sdk.ts';

/** Which ends of the connection a process has. */
export type Ends = 'both' | 'client' | 'server';

type Modules = Required<Parameters<MCPInstrumentation['manuallyInstrument']>[0]>;

/** Has OpenInference patch the transport that this process uses. */
export function patchByOpenInference({ classes }: Sdk, ends: Ends): void {
  const { InMemoryTransport, StdioClientTransport, StdioServerTransport } = classes;
  const transport = { both: InMemoryTransport, client: StdioClientTransport, server: StdioServerTransport }[ends];
  // It knows the transports of SDK v1 by name, but not those in memory, and takes any class under any of its names: what it
  // does to both ends is the same.
  const clientStdioModule = { StdioClientTransport: transport } as unknown as Modules['clientStdioModule'];
  new MCPInstrumentation().manuallyInstrument({ clientStdioModule });
}

/**
 * Has Traceloop patch the client and the server of the SDK. By `registerInstrumentations`, as its README has it, 0.27 finds
 * neither of them, also where they are loaded by `require`: handed the classes, it has spans of v1 and of v2.
 */
export function patchByTraceloop({ classes: { Client, Server } }: Sdk): void {
  new McpInstrumentation().manuallyInstrument({ Client, Server });
}
