import type { Transport } from '@modelcontextprotocol/client';

/** Returns a transport that starts this command in this environment. `said` takes what it writes to stderr. */
export async function stdioTransport(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  said: (text: string) => void,
): Promise<Transport> {
  const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
  const set = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const transport = new StdioClientTransport({
    command,
    args: [...args],
    env: Object.fromEntries(set),
    stderr: 'pipe',
  });
  // What nobody reads would stop the server once the pipe is full.
  (transport.stderr as NodeJS.ReadableStream | null)?.on('data', (chunk: Buffer) => said(chunk.toString()));
  return transport;
}

/** Returns a Streamable HTTP transport that talks to this URL and to no other. */
export async function httpTransport(
  url: string,
  headers: readonly (readonly [name: string, value: string])[],
  userAgent: string,
): Promise<Transport> {
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  return new StreamableHTTPClientTransport(new URL(url), {
    fetch: (at, init) => fetch(at, { ...init, redirect: 'manual' }),
    requestInit: {
      headers: [['user-agent', userAgent], ...headers.map(([name, value]): [string, string] => [name, value])],
    },
  });
}
