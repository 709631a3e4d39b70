/**
 * Loaded first. Gives `import` Express 4 as `express`, under which name the hook for it knows the package, and gives our packages
 * the 2.x line of OpenTelemetry, as an installation of that line would.
 */
const { createRequire, registerHooks } = require('node:module');
const { pathToFileURL } = require('node:url');

const { resolve } = createRequire(__filename);
const express4 = pathToFileURL(resolve('express4/package.json')).href;
const sdk2 = pathToFileURL(resolve('../../sdk2/package.json')).href;

function installationFor(specifier) {
  if (specifier === 'express') return process.env['SHOP_EXPRESS'] === '4' ? express4 : undefined;
  const shared = specifier === '@opentelemetry/api' || specifier === '@opentelemetry/core';
  return shared && process.env['SHOP_OTEL_LINE'] === '2' ? sdk2 : undefined;
}

registerHooks({
  resolve(specifier, context, next) {
    const ours = context.parentURL?.includes('/node_modules/') === false;
    const parentURL = ours ? installationFor(specifier) : undefined;
    return next(specifier, parentURL === undefined ? context : { ...context, parentURL });
  },
});
