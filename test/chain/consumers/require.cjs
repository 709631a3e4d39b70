// Prints what each package exports, and what requiring all of them changed: nothing, if all is well.
require('@opentelemetry/api');
const { entryPoints } = require('./entry-points.cjs');
const { surroundings } = require('./surroundings.cjs');

const before = surroundings();
const exported = {};
for (const entryPoint of entryPoints) exported[entryPoint] = Object.keys(require(entryPoint)).sort();
console.log(JSON.stringify({ exported, before, after: surroundings() }));
