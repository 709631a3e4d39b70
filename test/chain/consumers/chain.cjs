/** What the hops of one copy of core, `inner`, send on while one of another copy, `outer`, is being received. */
exports.relay = (outer, inner) => {
  const inbound = {
    transport: 'http',
    name: 'GET /',
    kind: 1,
    carrier: {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      baggage: 'throughline.lineage=1.3.32.1.-.-.-,tenant=42',
    },
    reader: outer.httpHeaders,
  };
  const outbound = {
    transport: 'http',
    name: 'GET',
    kind: 2,
    target: { transport: 'http', channel: 'host', host: '127.0.0.1' },
  };
  return outer.receive(inbound, () => inner.send(outbound, (fields) => ({ ...fields })));
};
