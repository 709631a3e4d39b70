import { createServer, type Server } from 'node:net';

/** What a program says whose port somebody took between our look and its start. */
export const PORT_TAKEN = /address already in use|BindException|eaddrinuse/i;

/** Returns ports of the loopback interface that nobody listens on. All are held at the same time, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject).listen(0, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('No free port');
  return address.port;
}
