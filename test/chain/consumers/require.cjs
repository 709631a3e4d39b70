// Prints what each package exports, and what requiring all of them changed: nothing, if all is well.
require('@opentelemetry/api');
// The framework's own: it listens for signals, and more, as soon as it is required.
require('@openai/agents-core');
const { entryPoints } = require('./entry-points.cjs');
const { surroundings } = require('./surroundings.cjs');

const before = surroundings();
const exported = {};
for (const entryPoint of entryPoints) exported[entryPoint] = Object.keys(require(entryPoint)).sort();
console.log(JSON.stringify({ exported, before, after: surroundings() }));
