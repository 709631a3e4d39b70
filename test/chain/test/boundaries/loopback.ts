import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';

/** A dispatcher to which every host name is this machine, so that names of strangers can be called on real sockets. */
export function loopbackAgent(): Agent {
  return new Agent({
    connect: {
      lookup: (_hostname, options, callback) => {
        if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
        else callback(null, '127.0.0.1', 4);
      },
    },
  });
}

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves on a port of its own. */
export async function listen(handler: http.RequestListener): Promise<Listening> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
