/** Who served a call: the model that answered, and where. */
export interface Route {
  readonly model: string | undefined;
  readonly region: string | undefined;
  readonly fingerprint: string | undefined;
}

/** A change of who serves a model, which nobody asked for. */
export interface RoutingChange {
  readonly what: 'model' | 'region' | 'fingerprint';
  readonly from: string;
  readonly to: string;
}

// What is asked for may come from users; nobody has more models than that.
const MAX_ROUTES = 200;

/** Remembers who served each model last. */
export class Routes {
  readonly #last = new Map<string, Route>();

  /** Returns what is otherwise than at the last call of this model, and remembers this one. What a call does not tell changes nothing. */
  next(provider: string, model: string, route: Route): RoutingChange[] {
    const key = `${provider}\n${model}`;
    const before = this.#last.get(key);
    if (before === undefined && this.#last.size >= MAX_ROUTES) return [];
    const after: Route = {
      model: route.model ?? before?.model,
      region: route.region ?? before?.region,
      fingerprint: route.fingerprint ?? before?.fingerprint,
    };
    this.#last.set(key, after);
    const changes: RoutingChange[] = [];
    for (const what of ['model', 'region', 'fingerprint'] as const) {
      const [from, to] = [before?.[what], after[what]];
      if (from !== undefined && to !== undefined && from !== to) changes.push({ what, from, to });
    }
    return changes;
  }
}

const GLOBAL = {};
const known = new WeakMap<object, Routes>();

/** Returns who served in this process, as far as it is told to one provider of tracers. */
export function routesOf(provider: object = GLOBAL): Routes {
  let routes = known.get(provider);
  if (routes === undefined) known.set(provider, (routes = new Routes()));
  return routes;
}
