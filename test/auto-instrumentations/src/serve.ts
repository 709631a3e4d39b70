import type * as Http from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type Express from 'express';
import { orders, shop } from './shop.ts';

/**
 * Serves a shop for each order until stdin ends, and prints their ports. The modules come from an entry, as its module system
 * and the hooks in it give them.
 */
export async function serve(http: Pick<typeof Http, 'createServer'>, express: typeof Express): Promise<void> {
  const servers = orders.map((order) => http.createServer(shop(express, order)).listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  process.stdout.write(`${JSON.stringify(servers.map((server) => (server.address() as AddressInfo).port))}\n`);
  process.stdin.resume().once('end', () => servers.forEach((server) => server.close()));
}
