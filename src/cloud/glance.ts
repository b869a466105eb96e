import type {Readable} from 'node:stream';
import {z} from 'zod';
import {answerAs} from './answer.js';
import type {CloudSession} from './keystone.js';

export type Visibility = 'private' | 'shared' | 'community' | 'public';

const imageBody = z.looseObject({
  id: z.string(),
  name: z.string().nullable(),
  status: z.string(),
  visibility: z.string(),
  size: z.union([z.number(), z.null()]).optional(),
  checksum: z.string().nullish(),
  os_hash_algo: z.string().nullish(),
  os_hash_value: z.string().nullish(),
  min_disk: z.number().default(0),
  min_ram: z.number().default(0),
  tags: z.array(z.string()).default([]),
  created_at: z.string(),
});

const imagePage = z.looseObject({images: z.array(imageBody), next: z.string().optional()});

/** An image as Glance knows it. */
export interface GlanceImage {
  readonly id: string;
  readonly name: string;
  /** `queued`, `saving`, `active`, `killed`, `deleted`, … */
  readonly status: string;
  readonly visibility: string;
  readonly sizeBytes?: number;
  readonly minDiskGiB: number;
  readonly minRamMiB: number;
  readonly tags: readonly string[];
  readonly createdAt: string;
  /** The content's digest as Glance computed it; absent before the data is there. */
  readonly digest?: {readonly algorithm: string; readonly value: string};
  /** All other members: properties that people and services have set. */
  readonly properties: Readonly<Record<string, string>>;
}

/** What can be changed of an image. */
export interface ImageChanges {
  readonly name?: string;
  readonly visibility?: string;
  readonly minDiskGiB?: number;
  readonly minRamMiB?: number;
  /** All of them. */
  readonly tags?: readonly string[];
  /** Those to set; others stay. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface NewImage {
  readonly name: string;
  readonly format: 'qcow2' | 'raw';
  readonly visibility: Visibility;
  readonly minDiskGiB: number;
  readonly minRamMiB: number;
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

/** Glance, version 2 of its API. */
export interface Glance {
  /** Images with these properties (and name), newest first. */
  list(filter: Readonly<Record<string, string>>): Promise<GlanceImage[]>;
  show(id: string): Promise<GlanceImage | undefined>;
  /** The time by Glance's own clock, as far as it tells. */
  now(): Promise<Date>;
  update(id: string, changes: ImageChanges): Promise<void>;
  /** Makes the record; its data is uploaded next. */
  create(image: NewImage): Promise<GlanceImage>;
  upload(id: string, data: {readonly sizeBytes: number; open(): Readable}): Promise<void>;
  delete(id: string): Promise<void>;
  /** Deletes what an act that failed or was interrupted has left; when even that fails, the next run does it. */
  discard(id: string): Promise<void>;
}

/** Glance may have to write and hash gigabytes before it answers an upload. */
const uploadSilenceMs = 15 * 60_000;
const discardTimeoutMs = 10_000;

export function glanceClient(session: CloudSession): Glance {
  const service = 'image';
  const path = (id: string, rest = '') => `/v2/images/${encodeURIComponent(id)}${rest}`;
  return {
    async list(filter) {
      const found: GlanceImage[] = [];
      let next: string | undefined =
        `/v2/images?${new URLSearchParams({...filter, sort: 'created_at:desc', limit: '100'})}`;
      while (next) {
        const page: z.output<typeof imagePage> = answerAs(
          imagePage,
          await session.request({service, method: 'GET', path: next}),
          'GET',
          next,
        );
        found.push(...page.images.map(imageFrom));
        next = page.next;
      }
      return found;
    },
    async show(id) {
      const answer = await session.request({service, method: 'GET', path: path(id), expected: [404]});
      return answer.status === 404 ? undefined : imageFrom(answerAs(imageBody, answer, 'GET', path(id)));
    },
    async now() {
      const {headers} = await session.request({service, method: 'GET', path: '/v2/images?limit=1'});
      return typeof headers.date === 'string' ? new Date(headers.date) : new Date();
    },
    async update(id, changes) {
      await session.request({
        service,
        method: 'PATCH',
        path: path(id),
        headers: {'content-type': 'application/openstack-images-v2.1-json-patch'},
        json: patchOf(changes),
      });
    },
    async create(image) {
      const answer = await session.request({service, method: 'POST', path: '/v2/images', json: createBody(image)});
      return imageFrom(answerAs(imageBody, answer, 'POST', '/v2/images'));
    },
    async upload(id, data) {
      await session.request({
        service,
        method: 'PUT',
        path: path(id, '/file'),
        stream: data,
        silenceMs: uploadSilenceMs,
      });
    },
    async delete(id) {
      await session.request({service, method: 'DELETE', path: path(id), expected: [404]});
    },
    async discard(id) {
      const signal = AbortSignal.timeout(discardTimeoutMs);
      await session.request({service, method: 'DELETE', path: path(id), expected: [404], signal}).catch(() => {});
    },
  };
}

function createBody(image: NewImage): object {
  return {
    ...image.properties,
    name: image.name,
    disk_format: image.format,
    container_format: 'bare',
    visibility: image.visibility,
    min_disk: image.minDiskGiB,
    min_ram: image.minRamMiB,
    tags: image.tags,
  };
}

/** JSON Patch as Glance wants it: its own members are replaced; added properties replace what has their name. */
export function patchOf({properties = {}, ...members}: ImageChanges): object[] {
  const paths = {name: 'name', visibility: 'visibility', minDiskGiB: 'min_disk', minRamMiB: 'min_ram', tags: 'tags'};
  return [
    ...Object.entries(members).map(([name, value]) => ({
      op: 'replace',
      path: `/${paths[name as keyof typeof paths]}`,
      value,
    })),
    ...Object.entries(properties).map(([name, value]) => ({
      op: 'add',
      path: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      value,
    })),
  ];
}

function imageFrom(body: z.output<typeof imageBody>): GlanceImage {
  const {id, name, status, visibility, size, os_hash_algo, os_hash_value, tags, created_at, ...rest} = body;
  const {min_disk: minDiskGiB, min_ram: minRamMiB, ...others} = rest;
  const texts = Object.entries(others).filter((member): member is [string, string] => typeof member[1] === 'string');
  return {
    id,
    name: name ?? '',
    status,
    visibility,
    minDiskGiB,
    minRamMiB,
    tags,
    createdAt: created_at,
    properties: Object.fromEntries(texts),
    ...(typeof size === 'number' ? {sizeBytes: size} : {}),
    ...(os_hash_algo && os_hash_value ? {digest: {algorithm: os_hash_algo, value: os_hash_value}} : {}),
  };
}
