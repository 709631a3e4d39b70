import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Tarball {
  /** The package.json of the package, as it is packed. */
  readonly manifest: { readonly name: string; readonly version: string };
  readonly file: string;
}

export interface Registry {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves tarballs as the npm registry does, so that `npm install @throughline/express` is what a user would type. */
export async function serveRegistry(tarballs: readonly Tarball[]): Promise<Registry> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').slice(1));
    const asTarball = tarballs.find(({ manifest }) => path === `${manifest.name}.tgz`);
    if (asTarball !== undefined) return response.end(readFileSync(asTarball.file));
    const found = tarballs.find(({ manifest }) => path === manifest.name);
    if (found === undefined) return response.writeHead(404).end('{}');
    const { manifest, file } = found;
    const integrity = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
    const version = { ...manifest, dist: { tarball: `${url}/${manifest.name}.tgz`, integrity } };
    response.setHeader('content-type', 'application/json');
    return response.end(
      JSON.stringify({
        name: manifest.name,
        'dist-tags': { latest: manifest.version },
        versions: { [manifest.version]: version },
      }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
