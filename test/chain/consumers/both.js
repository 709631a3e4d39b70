// Prints what travels on when the ESM copy and the CommonJS copy of core meet in one process.
import { createRequire } from 'node:module';
import { register } from '@throughline/core';
import * as esm from '@throughline/core/adapter';
import { relay } from './chain.cjs';

const commonjs = createRequire(import.meta.url)('@throughline/core/adapter');
register();
console.log(
  JSON.stringify({
    copies: esm.receive === commonjs.receive ? 1 : 2,
    intoCommonjs: relay(esm, commonjs),
    intoEsm: relay(commonjs, esm),
  }),
);
