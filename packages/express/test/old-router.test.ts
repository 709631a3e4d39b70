import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import express from 'express';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { traceContext } from '../src/index.ts';
import { onlySpan, serve } from './serve.ts';
import type { Served } from './serve.ts';

let telemetry: Telemetry;
let served: Served | undefined;
beforeAll(() => {
  telemetry = startTelemetry();
});
afterEach(async () => {
  await served?.close();
  await telemetry.reset();
});
afterAll(() => telemetry.shutdown());

/** Takes from a router what `router` 2.0 to 2.2 did not keep: the paths that its layers were registered with. */
function fakeOldRouter<R extends { stack: { rawPath?: unknown; handle: unknown }[] }>(router: R): R {
  for (const layer of router.stack) {
    delete layer.rawPath;
    const nested = layer.handle as { stack?: R['stack'] };
    if (nested.stack !== undefined) fakeOldRouter(nested as R);
  }
  return router;
}

describe('http.route with a fake of `router` before 2.3, which keeps no paths', () => {
  async function routesOf(mount: string | RegExp | string[], ...paths: string[]): Promise<unknown[]> {
    const app = express();
    app.use(traceContext());
    const router = express.Router();
    router.get('/posts/:post', (_req, res) => void res.end());
    app.use(mount, router);
    fakeOldRouter(app.router as never);
    served = await serve(app);
    const routes: unknown[] = [];
    for (const path of paths) {
      await served.ask(path);
      routes.push(onlySpan(telemetry).attributes['http.route']);
      await telemetry.reset();
    }
    return routes;
  }

  test.each([
    ['/api', '/api/posts/1', '/api/posts/:post'],
    ['/api/', '/api/posts/1', '/api/posts/:post'],
    ['/', '/posts/1', '/posts/:post'],
    ['/users/:id', '/users/42/posts/1', '/users/:id/posts/:post'],
    ['/users/:id', '/users/users/posts/1', '/users/:id/posts/:post'],
    ['/v1/x/:id', '/v1/x/1/posts/1', '/v1/x/:id/posts/:post'],
    ['/:a/:b/v', '/v/v/v/posts/v', '/:a/:b/v/posts/:post'],
    ['/:a/v/:b', '/v/v/v/posts/v', '/:a/v/:b/posts/:post'],
    ['/files-:id', '/files-f/posts/1', '/files-:id/posts/:post'],
    ['/users/:id', '/users/a%20b/posts/1', '/users/:id/posts/:post'],
    ['/users/:id', '/users/%7Ea/posts/1', '/posts/:post'],
    ['/o{/:opt}/x', '/o/7/x/posts/1', '/o/:opt/x/posts/:post'],
    ['/o{/:opt}/x', '/o/x/posts/1', '/o/x/posts/:post'],
  ])('a router at %j, asked for %j, is %j', async (mount, path, route) => {
    expect(await routesOf(mount, path)).toEqual([route]);
  });

  test('a mount that is an expression is left out', async () => {
    expect(await routesOf(/^\/v\d+/, '/v12/posts/1')).toEqual(['/posts/:post']);
    await served?.close();
    expect(await routesOf(/^\/users\/(?<id>\d+)/, '/users/42/posts/1')).toEqual(['/posts/:post']);
  });

  test('a mount of several paths has the pattern of the one that matched', async () => {
    expect(await routesOf(['/a/:x', '/b/:y/c'], '/b/1/c/posts/1', '/a/c/posts/1')).toEqual([
      '/b/:y/c/posts/:post',
      '/a/:x/posts/:post',
    ]);
  });

  test('callers cannot make names by letter case', async () => {
    expect(
      await routesOf('/userFiles/:id', '/userFiles/1/posts/1', '/USERFILES/2/posts/1', '/UserFiles/a/posts/1'),
    ).toEqual(Array.from({ length: 3 }, () => '/userFiles/:id/posts/:post'));
  });
});
