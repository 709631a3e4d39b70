/** A script that asks twice, without a span around: two traces, where its test expects one. */
const { startTracing } = require('./telemetry.cjs');
const end = startTracing('undici');

async function main() {
  for (const q of ['first', 'second']) await (await fetch(`${process.env.NEXT}?q=${q}`)).text();
  await end();
}
void main();
