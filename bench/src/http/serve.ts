import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beSubject } from '../subject.ts';
import type { Telemetry } from '../telemetry.ts';

/** Makes this process a subject whose requests come from outside, ready at a port of its own. */
export function serve(server: Server, telemetry: Telemetry): void {
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1', () => {
    beSubject({
      ready: (server.address() as AddressInfo).port,
      run: () => Promise.reject(new Error('requests are sent from outside')),
      spans: telemetry.spans,
    });
  });
}
