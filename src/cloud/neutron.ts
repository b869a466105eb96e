import {z} from 'zod';
import {answerAs} from './answer.js';
import type {CloudSession} from './keystone.js';

export interface Network {
  readonly id: string;
  readonly name: string;
  readonly isShared: boolean;
}

const networksBody = z.looseObject({
  networks: z.array(z.looseObject({id: z.string(), name: z.string(), shared: z.boolean().default(false)})),
});

/** The networks that these credentials may use. */
export async function listNetworks(session: CloudSession): Promise<Network[]> {
  const path = '/v2.0/networks';
  const answer = await session.request({service: 'network', method: 'GET', path});
  return answerAs(networksBody, answer, 'GET', path).networks.map(({id, name, shared}) => ({
    id,
    name,
    isShared: shared,
  }));
}
