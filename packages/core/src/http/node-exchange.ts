/** The request of Node's server, over HTTP/1 or HTTP/2, as far as it tells how its answer came out. */
export interface NodeRequestLike {
  prependListener(type: 'aborted', listener: () => void): unknown;
}

/** The response of Node's server. Over HTTP/2 not all of it is there, and `finish` comes for what was broken off too. */
export interface NodeResponseLike {
  readonly statusCode: number;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  readonly closed?: boolean;
  readonly errored?: Error | null;
  readonly stream?: { readonly rstCode?: number } | undefined;
  prependListener(type: 'finish' | 'close', listener: () => void): unknown;
}

/** How the answer of Node's server came out, as `serverOutcome` wants it. */
export interface NodeAnswer {
  readonly status: number | undefined;
  readonly aborted: boolean;
  readonly brokenBy: unknown;
}

/** What an adapter keeps of a request that Node's server handles, until its answer has been sent or the connection has closed. */
export interface NodeExchange {
  readonly response: NodeResponseLike;
  /** Whether the caller went away before its request was whole and its answer begun: what is answered then reaches nobody. */
  unheard: boolean;
  ended: boolean;
}

/**
 * Returns a function that follows an exchange to the end of its answer: `finish`, or `close` where the connection closed before.
 * `exchangeOf` finds the exchange again by its request or its response, which the adapter has put it on; `over` is called once, with
 * how it came out. Made once for an adapter: no closure is made for a request.
 */
export function nodeFollower<E extends NodeExchange>(
  exchangeOf: (holder: object) => E | undefined,
  over: (exchange: E, answer: NodeAnswer) => void,
): (request: NodeRequestLike, exchange: E) => void {
  function onAborted(this: object): void {
    const exchange = exchangeOf(this);
    // The other way round, a handler that destroys the response aborts the request.
    if (exchange !== undefined) exchange.unheard = !exchange.response.headersSent && !exchange.response.errored;
  }

  function onFinish(this: NodeResponseLike): void {
    end(this, isCutShort(this));
  }

  function onClose(this: NodeResponseLike): void {
    end(this, !this.writableFinished || isCutShort(this));
  }

  function end(response: NodeResponseLike, unfinished: boolean): void {
    const exchange = exchangeOf(response);
    if (exchange === undefined || exchange.ended) return;
    exchange.ended = true;
    const { unheard } = exchange;
    const aborted = unfinished || unheard;
    // Without headers, the status is what Node starts with, and nobody has seen it.
    const isSeen = !aborted || (response.headersSent && !unheard);
    over(exchange, {
      status: isSeen ? response.statusCode : undefined,
      aborted,
      brokenBy: unheard ? undefined : response.errored,
    });
  }

  return (request, exchange) => {
    const { response } = exchange;
    // Before the listeners of instrumentation-http, while a span of its own that we joined still records.
    response.prependListener('finish', onFinish);
    response.prependListener('close', onClose);
    // Before a body parser, which fails by it, so that an error handler answers before `close` comes.
    request.prependListener('aborted', onAborted);
    // The connection closed while earlier handlers waited: `close` has been and will not come again.
    if (response.closed === true) onClose.call(response);
  };
}

/**
 * Returns whether a response that has finished was broken off all the same: over HTTP/2 it finishes when its stream is gone, for whatever
 * reason.
 */
export function isCutShort({ writableEnded, stream }: Pick<NodeResponseLike, 'writableEnded' | 'stream'>): boolean {
  return !writableEnded || (stream?.rstCode ?? 0) !== 0;
}
