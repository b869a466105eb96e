import {describe, expect, it} from 'vitest';
import {
  addressesIn,
  candidateSubnets,
  chooseSubnet,
  isOfAPlace,
  overlapping,
  overlaps,
  parseIpv4Range,
} from './subnet.js';

describe('subnet', () => {
  it('a range starts at its first address, whatever address it is written with', () => {
    expect(parseIpv4Range('10.1.2.3/24')).toEqual({first: 0x0a010200, prefix: 24});
    expect(parseIpv4Range('10.1.2.3')).toEqual({first: 0x0a010203, prefix: 32});
    expect(parseIpv4Range('0.0.0.0/0')).toEqual({first: 0, prefix: 0});
  });

  it.each(['', '10.1.2', '10.1.2.256', '10.1.2.0/33', 'fd00::/64', '10.1.2.0/'])('%j is no range', (text) => {
    expect(parseIpv4Range(text)).toBeUndefined();
  });

  it('ranges overlap when one holds an address of the other', () => {
    const range = (text: string) => parseIpv4Range(text) ?? {first: -1, prefix: 32};
    expect(overlaps(range('10.0.0.0/8'), range('10.211.3.0/24'))).toBe(true);
    expect(overlaps(range('10.211.3.7'), range('10.211.3.0/24'))).toBe(true);
    expect(overlaps(range('10.211.2.0/24'), range('10.211.3.0/24'))).toBe(false);
  });

  it('the first candidate that nobody uses is chosen', () => {
    expect(chooseSubnet(candidateSubnets(), ['192.168.0.0/16'])).toBe('10.211.0.0/24');
    expect(chooseSubnet(candidateSubnets(), ['10.211.0.0/25', '10.211.1.128/25'])).toBe('10.211.2.0/24');
    expect(chooseSubnet(candidateSubnets(), ['10.0.0.0/8'])).toBe('172.27.0.0/24');
    expect(chooseSubnet(candidateSubnets(), ['10.0.0.0/8', '172.16.0.0/12'])).toBe('192.168.0.0/24');
    expect(chooseSubnet(candidateSubnets(), ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'])).toBeUndefined();
  });

  it('routes that stand for everything are of no place', () => {
    expect(['default', '0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1'].filter(isOfAPlace)).toEqual([]);
    expect(['10.0.0.0/8', '10.211.0.1'].every(isOfAPlace)).toBe(true);
  });

  it('says which range is in the way', () => {
    expect(overlapping('10.1.2.0/24', ['10.1.1.0/24', '10.1.0.0/16'])).toBe('10.1.0.0/16');
  });

  it('a devcloud has its endpoints in the lower half, its instances in the upper', () => {
    expect(addressesIn('10.211.7.0/24')).toEqual({
      subnet: '10.211.7.0/24',
      host: '10.211.7.1',
      cloud: '10.211.7.2',
      prefix: 25,
      instances: {cidr: '10.211.7.128/25', gateway: '10.211.7.129', first: '10.211.7.140', last: '10.211.7.250'},
    });
  });

  it.each(['10.1.2.0/25', '8.8.8.0/24', 'mine', '172.32.0.0/24'])('%j is refused', (text) => {
    expect(() => addressesIn(text)).toThrow(expect.objectContaining({code: 'bad-argument'}));
  });
});
