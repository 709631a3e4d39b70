import { BlockList, isIP as nodeIsIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressRanges, isIP } from '../src/policy/address.ts';
import { isPrivateAddress } from '../src/policy/host.ts';

const addresses = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV4().map((address) => `::ffff:${address}`),
);
const nearly = fc.oneof(
  addresses,
  fc.tuple(addresses, fc.string({ maxLength: 8 })).map(([address, zone]) => `${address}%${zone}`),
  fc.string(),
  fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF.:%[]/@? '), maxLength: 48 }),
);

describe('what is an IP address is as node:net has it', () => {
  it('for any text', () => {
    fc.assert(
      fc.property(nearly, (text) => {
        expect(isIP(text), text).toBe(nodeIsIP(text));
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    '127.0.0.1', '01.2.3.4', '1.2.3', '256.1.1.1', '1.2.3.4.', ' 1.2.3.4', '0x7f.0.0.1', '127.1',
    '::', '::1', '1::', '::ffff:127.0.0.1', '::ffff:7f00:1', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '1:2:3:4:5:6:7',
    '1::2::3', '12345::', ':1', '1:', ':::', 'fe80::1%eth0', 'fe80::1%', 'fe80::1%é', '::1%a b', '::1%a.b:c-d', '::1%1%', '::1.2.3', '::1.2.3.4.5', '[::1]', '::1]', '::1@',
    '1:2:3:4:5:6:1.2.3.4', '::FFFF:A.B', 'FE80::A',
  ])('%s', (text) => {
    expect(isIP(text)).toBe(nodeIsIP(text));
  }); // prettier-ignore
});

it('a range holds what a BlockList of it holds', () => {
  const prefixes = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 32 })),
    fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 128 })),
  );
  const familyOf = (address: string): 'ipv4' | 'ipv6' => (address.includes(':') ? 'ipv6' : 'ipv4');
  fc.assert(
    fc.property(prefixes, addresses, ([first, bits], address) => {
      const list = new BlockList();
      list.addSubnet(first, bits, familyOf(first));
      // Node has an IPv4 address in a range of IPv4 alone; ours has one address in one form.
      fc.pre(familyOf(first) === 'ipv4' || familyOf(address) === 'ipv6');
      expect(addressRanges([first, bits])(address)).toBe(list.check(address, familyOf(address)));
    }),
    { numRuns: 2000 },
  );
});

it.each([
  ['127.255.0.1', true],
  ['128.0.0.1', false],
  ['::1', true],
  ['::2', false],
  ['172.31.255.255', true],
  ['172.32.0.0', false],
  ['::ffff:192.168.1.1', true],
  ['::ffff:c0a8:101', true],
  ['fd12:3456::1%eth0', true],
  ['fd00:ec2::254', false],
  ['fd00:ec3::254', true],
  ['169.254.169.254', false],
  ['fe80::1', false],
  ['localhost', false],
  ['', false],
])('%s is private: %s', (address, isPrivate) => {
  expect(isPrivateAddress(address)).toBe(isPrivate);
});
