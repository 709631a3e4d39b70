import { MCPInstrumentation } from '@arizeai/openinference-instrumentation-mcp';
import { McpInstrumentation } from '@traceloop/instrumentation-mcp';
import type { Classes } from './sdk.ts';

/** Which ends of the connection a process has. */
export type Ends = 'both' | 'client' | 'server';

type Modules = Required<Parameters<MCPInstrumentation['manuallyInstrument']>[0]>;

/** Has OpenInference patch the transport that this process uses, of these classes. */
export function patchByOpenInference(classes: Classes, ends: Ends): void {
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
export function patchByTraceloop({ Client, Server }: Classes): void {
  new McpInstrumentation().manuallyInstrument({ Client, Server });
}

/** Returns heirs of the classes: to patch them leaves the SDK's own as they are, which bare in the same process uses. */
export function heirsOf(classes: Classes): Classes {
  const { Client, Server, InMemoryTransport, StdioClientTransport, StdioServerTransport } = classes;
  return {
    Client: class extends Client {},
    Server: class extends Server {},
    InMemoryTransport: class extends InMemoryTransport {},
    StdioClientTransport: class extends StdioClientTransport {},
    StdioServerTransport: class extends StdioServerTransport {},
  };
}
