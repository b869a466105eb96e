import {z} from 'zod';
import {answerAs} from './answer.js';
import type {CloudSession} from './keystone.js';

/** A size of virtual machines. */
export interface Flavor {
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  readonly ramMiB: number;
  readonly diskGiB: number;
  readonly ephemeralGiB: number;
}

const flavorsBody = z.looseObject({
  flavors: z.array(
    z.looseObject({
      id: z.string(),
      name: z.string(),
      vcpus: z.number(),
      ram: z.number(),
      disk: z.number(),
      'OS-FLV-EXT-DATA:ephemeral': z.number().default(0),
    }),
  ),
});

export async function listFlavors(session: CloudSession): Promise<Flavor[]> {
  const path = '/flavors/detail';
  const answer = await session.request({service: 'compute', method: 'GET', path});
  return answerAs(flavorsBody, answer, 'GET', path).flavors.map((flavor) => ({
    id: flavor.id,
    name: flavor.name,
    vcpus: flavor.vcpus,
    ramMiB: flavor.ram,
    diskGiB: flavor.disk,
    ephemeralGiB: flavor['OS-FLV-EXT-DATA:ephemeral'],
  }));
}
