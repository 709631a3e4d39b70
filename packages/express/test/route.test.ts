import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { traceContext } from '../src/index.ts';
import { onlySpan, serve, versions } from './serve.ts';
import type { Express, NextFunction, Request, RequestHandler, Response, Router, Served } from './serve.ts';

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

const ok = (_req: unknown, res: Response): void => void res.end();
const fail = (_req: unknown, _res: unknown, next: NextFunction): void => next(new Error('no'));

describe.each(versions)('http.route, $name', ({ express, major }) => {
  async function start(build: (app: Express) => void, options?: Parameters<typeof traceContext>[0]): Promise<Served> {
    const app = express();
    app.use(traceContext(options));
    build(app);
    app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => void res.status(500).end());
    served = await serve(app);
    return served;
  }

  async function routeOf(
    path: string,
    build: (app: Express) => void,
    options?: Parameters<typeof traceContext>[0],
  ): Promise<unknown> {
    const { ask } = await start(build, options);
    await ask(path);
    const span = onlySpan(telemetry);
    const route = span.attributes['http.route'];
    expect(span.name).toBe(route === undefined ? 'GET' : `GET ${String(route)}`);
    return route;
  }

  /** A router with a few routes, to be mounted. */
  function posts() {
    const router = express.Router();
    router.get('/', ok);
    router.get('/posts/:post', ok);
    router.get('/broken/:post', fail);
    return router;
  }

  test.each([
    ['/api', '/api/posts/1', '/api/posts/:post'],
    ['/api/', '/api/posts/1', '/api/posts/:post'],
    ['/api', '/api', '/api'],
    ['/api', '/api/', '/api'],
    ['/', '/posts/1', '/posts/:post'],
    ['/', '/', '/'],
    ['/Api', '/aPI/posts/1', '/Api/posts/:post'],
    ['/a.b-c', '/a.b-c/posts/1', '/a.b-c/posts/:post'],
    ['/users/:id', '/users/42/posts/1', '/users/:id/posts/:post'],
    ['/users/:id', '/users/a%20b/posts/1', '/users/:id/posts/:post'],
    ['/v1/users/:id', '/v1/users/1/posts/1', '/v1/users/:id/posts/:post'],
    ['/:a/:b/v', '/v/v/v/posts/v', '/:a/:b/v/posts/:post'],
    ['/files-:id', '/files-42/posts/1', '/files-:id/posts/:post'],
  ])('a router at %j, asked for %j, is %j', async (mount, path, route) => {
    expect(await routeOf(path, (app) => app.use(mount, posts()))).toBe(route);
  });

  test('routers in routers, all with parameters of the same value', async () => {
    const route = await routeOf('/orgs/7/teams/7/posts/7', (app) => {
      const teams = express.Router({ mergeParams: true });
      teams.use('/teams/:team', posts());
      app.use('/orgs/:org', teams);
    });
    expect(route).toBe('/orgs/:org/teams/:team/posts/:post');
  });

  test('a router mounted in two places has the pattern of the one that was asked', async () => {
    const { ask } = await start((app) => {
      const shared = posts();
      app.use('/a/:x', shared);
      app.use('/b/:y/:z', shared);
    });
    await ask('/b/1/2/posts/3');
    await ask('/a/1/posts/3');
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['GET /b/:y/:z/posts/:post', 'GET /a/:x/posts/:post']);
  });

  test('a router that is mounted once more while requests are served is found there too', async () => {
    let application: Express | undefined;
    const shared = posts();
    const { ask } = await start((app) => {
      application = app;
      app.use('/a/:x', shared);
    });
    await ask('/a/1/posts/3');
    // Before the error handler, where a router mounted later on would otherwise be.
    application?.use('/late/:y', shared);
    await ask('/late/1/posts/3');
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['GET /a/:x/posts/:post', 'GET /late/:y/posts/:post']);
  });

  test('a mount of several paths has the pattern of the one that matched', async () => {
    const build = (app: Express): unknown => app.use(['/a/:x', '/b/:y/c'], posts());
    expect(await routeOf('/b/1/c/posts/2', build)).toBe('/b/:y/c/posts/:post');
  });

  test('a route of several paths has the one that matched', async () => {
    expect(await routeOf('/two/7', (app) => app.get(['/one', '/two/:x'], ok))).toBe('/two/:x');
  });

  test('an expression stands for itself', async () => {
    expect(
      await routeOf('/v12/item/7', (app) => {
        const router = express.Router();
        router.get(/^\/item\/(\d+)$/, ok);
        app.use(/^\/v\d+/, router);
      }),
    ).toBe('/^\\/v\\d+//^\\/item\\/(\\d+)$/');
  });

  test('a wildcard is a pattern too', async () => {
    const path = major === 4 ? '/files/*' : '/files/*rest';
    expect(await routeOf('/files/a/b/c', (app) => app.get(path, ok))).toBe(path);
    await served?.close();
    await telemetry.reset();
    expect(
      await routeOf('/files/a/b/c', (app) => {
        const router = express.Router();
        router.get('/', ok);
        app.use(path, router);
      }),
    ).toBe(path);
  });

  test('a mounted application', async () => {
    const route = await routeOf('/shops/3/users/7/posts/1', (app) => {
      const shop = express();
      shop.use('/users/:id', posts());
      app.use('/shops/:shop', shop);
    });
    expect(route).toBe('/shops/:shop/users/:id/posts/:post');
  });

  test('of an application in an application in a router, the application’s mount', async () => {
    const route = await routeOf('/a/1/b/2/c/3', (app) => {
      const inner = express();
      inner.get('/c/:z', ok);
      const outer = express();
      outer.use('/b/:y', inner);
      const router = express.Router();
      router.use('/a/:x', outer);
      app.use(router);
    });
    // What mounts the outer one is a router, which Express does not tell the application.
    expect(route).toBe('/b/:y/c/:z');
  });

  test.each([
    ['/users/:id', '/users/42/broken/1', '/users/:id/broken/:post'],
    ['/', '/broken/1', '/broken/:post'],
  ])('under %j it is known on the way to an error handler too', async (mount, path, route) => {
    expect(await routeOf(path, (app) => app.use(mount, posts()))).toBe(route);
    expect(onlySpan(telemetry).attributes['http.response.status_code']).toBe(500);
  });

  test('it is known on the way to an error handler from a mounted application', async () => {
    const route = await routeOf('/shops/3/broken/7', (app) => {
      const shop = express();
      shop.use(posts());
      app.use('/shops/:shop', shop);
    });
    expect(route).toBe('/shops/:shop/broken/:post');
  });

  test('behind a function that calls a router it is the function’s mount and the route', async () => {
    const router = posts();
    const route = await routeOf('/lazy/1/posts/2', (app) =>
      app.use('/lazy/:x', (req, res, next) => void router(req, res, next)),
    );
    expect(route).toBe('/lazy/:x/posts/:post');
  });

  test('mounts that cannot be known are left out', async () => {
    const outer = express.Router();
    const inner = posts();
    outer.use('/hidden/:x', (req, res, next) => void inner(req, res, next));
    const route = await routeOf('/lazy/1/hidden/2/posts/2', (app) =>
      app.use('/lazy/:x', (req, res, next) => void outer(req, res, next)),
    );
    expect(route).toBe('/posts/:post');
  });

  test('a URL that middleware rewrote does not get into it', async () => {
    const route = await routeOf('/secret/42', (app) => {
      app.use((req, _res, next) => {
        req.url = '/users/42/posts/1';
        next();
      });
      app.use('/users/:id', posts());
    });
    expect(route).toBe('/users/:id/posts/:post');
  });

  test('of routes that pass on, the last one counts', async () => {
    const route = await routeOf('/x/1', (app) => {
      app.get('/x/:first', (_req, _res, next) => next());
      app.get('/x/:second', (_req, _res, next) => next('route'));
      app.get('/x/:third', ok);
    });
    expect(route).toBe('/x/:third');
  });

  test('what is entered after the answer gave none', async () => {
    const everything = major === 4 ? '*' : '/*rest';
    const passing = vi.fn<RequestHandler>((_req, _res, next) => next());
    const { ask } = await start((app) => {
      app.get('/x/:answers', (_req, res, next) => {
        res.end('ok');
        next();
      });
      app.get('/begins/:to', (_req, res, next) => {
        res.write('ok');
        setImmediate(next);
      });
      app.all(everything, passing, (_req, res) => void res.end());
    });
    await ask('/x/1');
    await ask('/begins/1');
    expect(passing).toHaveBeenCalledTimes(2);
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['GET /x/:answers', 'GET /begins/:to']);
  });

  describe('a router that guards a route', () => {
    const everything = major === 4 ? '*' : '/*rest';

    function guard(): Router {
      const router = express.Router();
      router.all(everything, (_req, _res, next) => next());
      router.all('/admin/:section', (_req, _res, next) => setImmediate(next));
      router.get('/admin/closed', () => {
        throw new Error('closed');
      });
      router.get('/admin/own', ok);
      const inner = express.Router();
      inner.all(everything, (_req, _res, next) => next());
      router.use('/admin', inner);
      return router;
    }

    test.each([
      ['as a handler', (router: Router): RequestHandler => router],
      [
        'behind a function',
        (router: Router): RequestHandler =>
          (req, res, next) =>
            void router(req, res, next),
      ],
    ])('%s, does not give its name, unless it answers', async (_how, handler) => {
      const { ask } = await start((app) => {
        app.all(everything, (_req, _res, next) => next());
        app.get('/admin/:page', handler(guard()), ok);
      });
      await ask('/admin/1');
      await ask('/admin/closed');
      await ask('/admin/own');
      expect(telemetry.spans().map(({ name }) => name)).toEqual([
        'GET /admin/:page',
        'GET /admin/:page',
        'GET /admin/own',
      ]);
    });

    test('in a mounted router, the route has its mounts', async () => {
      const route = await routeOf('/sites/3/admin/1', (app) => {
        const router = express.Router();
        router.get('/admin/:page', guard(), ok);
        app.use('/sites/:site', router);
      });
      expect(route).toBe('/sites/:site/admin/:page');
    });
  });

  test('a route that passed on does not give its name to a router behind a function', async () => {
    const router = posts();
    const route = await routeOf('/lazy/1/broken/2', (app) => {
      app.all(major === 4 ? '*' : '/*rest', (_req, _res, next) => next());
      app.use('/lazy/:x', (req, res, next) => void router(req, res, next));
    });
    expect(route).toBe('/lazy/:x/broken/:post');
  });

  test('handlers see req.route as Express sets it', async () => {
    const { ask } = await start((app) => {
      app.use((req, _res, next) => (req.route === undefined ? next() : next(new Error('set too early'))));
      app.get('/x/:y', (req, res) => void res.json([req.route.path, req.baseUrl, { ...req }.route.path]));
    });
    expect((await ask('/x/1')).body).toBe('["/x/:y","","/x/:y"]');
  });

  test('`route` says it where you know better, and leaves the others to Express', async () => {
    const options = { route: (req: Request) => (req.originalUrl.startsWith('/files/') ? '/files/{path}' : undefined) };
    const build = (app: Express): void => {
      app.get('/posts/:post', ok);
      app.use('/files', ok);
    };
    const { ask } = await start(build, options);
    await ask('/files/a/b');
    await ask('/posts/1');
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['GET /files/{path}', 'GET /posts/:post']);
  });

  test('a `route` that throws leaves the span without one, and the response alone', async () => {
    const { ask } = await start((app) => app.get('/posts/:post', ok), {
      route: () => {
        throw new Error('unknown tenant');
      },
    });
    expect((await ask('/posts/1')).status).toBe(200);
    expect(onlySpan(telemetry).name).toBe('GET');
  });

  test('whatever the mounts are, it is their patterns and never text of the request', async () => {
    const literal = fc.constantFrom('a', 'v1', 'users', 'x.y', '1');
    const segment = fc.oneof(
      literal.map((text) => ({ pattern: text, text })),
      fc.constantFrom('1', 'a', '42', 'v1', 'x%20y').map((text) => ({ pattern: ':', text })),
    );
    const mount = fc.array(segment, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.array(mount, { maxLength: 3 }), async (mounts) => {
        let name = 0;
        const paths = mounts.map((segments) =>
          segments.map(({ pattern }) => `/${pattern === ':' ? `:p${name++}` : pattern}`).join(''),
        );
        const app = express();
        app.use(traceContext());
        let router = express.Router();
        router.get('/end/:last', ok);
        for (const path of paths.toReversed()) {
          const outer = express.Router();
          outer.use(path, router);
          router = outer;
        }
        app.use(router);
        const server = await serve(app);
        try {
          await telemetry.reset();
          await server.ask(
            `${mounts
              .flat()
              .map(({ text }) => `/${text}`)
              .join('')}/end/7`,
          );
          expect(onlySpan(telemetry).attributes['http.route']).toBe(`${paths.join('')}/end/:last`);
        } finally {
          await server.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
