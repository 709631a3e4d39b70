import { edgeSampler } from '@throughline/core/sdk';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext } from '../src/index.ts';
import { serve, versions } from './serve.ts';
import type { Served } from './serve.ts';

let telemetry: Telemetry;

beforeAll(() => {
  const rules = [
    { route: '/admin/*', ratio: 1 },
    { route: '/report', ratio: 1 },
  ];
  telemetry = startTelemetry({ sampler: edgeSampler({ ratio: 0, rules }) });
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

describe.each(versions)('a rule of edgeSampler, $name', ({ express }) => {
  let server: Served;

  beforeAll(async () => {
    const app = express();
    app.use(traceContext());
    const admin = express.Router();
    admin.get(['/', '/delete'], (_, response) => void response.send('routed'));
    app.use('/admin', admin);
    app.get('/report', (_, response) => void response.send('routed'));
    app.get('/open', (_, response) => void response.send('routed'));
    server = await serve(app);
  });
  afterAll(() => server.close());

  test.each([
    '/admin/delete',
    '/ADMIN/delete',
    '/admin/DELETE/',
    '/admin',
    '/admin/?page=2',
    '/Report',
    '/report/',
    'http://somewhere.example/ADMIN/delete',
    '/admin/delete#part',
  ])('takes %s, which Express routes there', async (path) => {
    expect((await server.ask(path)).body).toBe('routed');
    expect(telemetry.spans()).toHaveLength(1);
  });

  // Express 4 routes `/admin//delete`, Express 5 does not; behind another router or a proxy the others may be.
  test.each(['/admin//delete', '//admin/delete', '/%61dmin/delete'])('takes %s, routed or not', async (path) => {
    await server.ask(path);
    expect(telemetry.spans()).toHaveLength(1);
  });

  test('takes no other path', async () => {
    expect((await server.ask('/open')).body).toBe('routed');
    expect(telemetry.spans()).toEqual([]);
  });
});
