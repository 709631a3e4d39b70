const { relay } = require('./chain.cjs');
const { entryPoints } = require('./entry-points.cjs');

test.each(entryPoints)('%s loads in Jest', (entryPoint) => {
  expect(Object.keys(require(entryPoint))).not.toEqual([]);
});

test('context flows through a hop in Jest', () => {
  require('@throughline/core').register();
  const core = require('@throughline/core/adapter');
  expect(relay(core, core)).toEqual({
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    baggage: 'throughline.lineage=1.4.32.1.-.-.-,tenant=42',
  });
});
