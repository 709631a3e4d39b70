/** What a package could change by being loaded: globals, listeners of the process, OpenTelemetry's registrations, patches. */
exports.surroundings = () => ({
  globals: Reflect.ownKeys(globalThis).map(String),
  listeners: process.eventNames().map(String),
  registered: Object.keys(globalThis[Symbol.for('opentelemetry.js.api.1')] ?? {}),
  patched: [globalThis.fetch, require('node:http').request, require('node:http').Server.prototype.emit].map(String),
  warnings: process.listenerCount('warning'),
});
