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

/** A virtual machine, as far as its image goes. */
export interface Server {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  /** Absent for one that was booted from a volume. */
  readonly imageId?: string;
}

const serversBody = z.looseObject({
  servers: z.array(
    z.looseObject({
      id: z.string(),
      name: z.string(),
      status: z.string(),
      // Nova writes an empty string in the place of an image.
      image: z.union([z.looseObject({id: z.string()}), z.string()]).nullish(),
    }),
  ),
});

/** The virtual machines of all projects. */
export async function listServers(session: CloudSession): Promise<Server[]> {
  const found: Server[] = [];
  for (let marker = ''; ; ) {
    const path = `/servers/detail?all_tenants=1&limit=500${marker && `&marker=${marker}`}`;
    const answer = await session.request({service: 'compute', method: 'GET', path});
    const {servers} = answerAs(serversBody, answer, 'GET', path);
    found.push(...servers.map(serverFrom));
    marker = servers.at(-1)?.id ?? '';
    if (marker === '') return found;
  }
}

function serverFrom({id, name, status, image}: z.output<typeof serversBody>['servers'][number]): Server {
  return {id, name, status, ...(image && typeof image === 'object' ? {imageId: image.id} : {})};
}
