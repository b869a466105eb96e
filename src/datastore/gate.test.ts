import {describe, expect, it} from 'vitest';
import {type ImageEvidence, type ImagePolicy, imagePolicySchema, judgeGate} from './gate.js';

const evidence: ImageEvidence = {
  ...{image: 'i', datastore: 'mariadb:11.8', sizeBytes: 300 * 2 ** 20, series: '2025.1'},
  ...{signature: 'unsigned', proof: 'none'},
};
const isOlder = (one: string, than: string) => one < than;

function refused(
  more: Partial<ImageEvidence>,
  policy: Partial<ImagePolicy> = {},
  series: string | undefined = '2025.1',
) {
  const findings = judgeGate({...evidence, ...more}, {...imagePolicySchema.parse({}), ...policy}, series, isOlder);
  return findings.filter(({outcome}) => outcome === 'refused');
}

describe('the gate', () => {
  it('without a policy lets an image of the right series through', () => {
    expect(refused({})).toEqual([]);
  });

  it('refuses an image of another series, with the command that builds the right one', () => {
    expect(refused({series: 'zed'})).toEqual([
      {
        demand: 'series',
        outcome: 'refused',
        detail: "its guest agent is of zed, and the cloud's Trove of 2025.1",
        next: 'trovestack image build mariadb:11.8 --series 2025.1',
      },
    ]);
    expect(refused({series: 'zed'}, {series: 'any'})).toEqual([]);
  });

  it('never lets a wrong signature through', () => {
    expect(refused({signature: 'bad'})).toMatchObject([{demand: 'signature'}]);
  });

  it('wants a signature, by one of the named keys, where the policy says so', () => {
    const policy = {signature: 'required', keys: ['mine']} as const;
    expect(refused({}, {...policy, keys: [...policy.keys]})).toMatchObject([{detail: 'it is not signed'}]);
    expect(refused({signature: 'announced', keyId: 'mine'}, {signature: 'required'})).toMatchObject([
      {detail: expect.stringContaining('is said to be signed'), next: expect.stringContaining('--evidence')},
    ]);
    expect(refused({signature: 'good', keyId: 'other'}, {signature: 'required', keys: ['mine']})).toHaveLength(1);
    expect(refused({signature: 'good', keyId: 'mine'}, {signature: 'required', keys: ['mine']})).toEqual([]);
  });

  it('wants proof, and a boot proves more than rules', () => {
    expect(refused({}, {proof: 'rules'})).toMatchObject([{demand: 'proof'}]);
    expect(refused({proof: 'rules'}, {proof: 'boot'})).toHaveLength(1);
    expect(refused({proof: 'boot'}, {proof: 'rules'})).toEqual([]);
  });

  it('knows sizes and vulnerable packages', () => {
    expect(refused({}, {maxSizeMiB: 299})).toMatchObject([{detail: 'it has 300 MiB, and the policy allows 299'}]);
    const vulnerabilities = [{id: 'CVE-1', package: 'openssl', fixedIn: '3.5.2'}];
    expect(refused({}, {vulnerabilities})).toMatchObject([{detail: 'CVE-1: nothing lists its packages'}]);
    expect(refused({packages: new Map([['openssl', ['3.5.2', '3.5.1']]])}, {vulnerabilities})).toHaveLength(1);
    expect(refused({packages: new Map([['openssl', ['3.5.2']]])}, {vulnerabilities})).toEqual([]);
    expect(refused({packages: new Map()}, {vulnerabilities})).toEqual([]);
  });
});
