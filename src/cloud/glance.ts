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
  protected: z.boolean().default(false),
});

const imagePage = z.looseObject({images: z.array(imageBody), next: z.string().optional()});

const importBody = z.looseObject({'import-methods': z.looseObject({value: z.array(z.string())})});

const storesBody = z.looseObject({
  stores: z.array(z.looseObject({type: z.string().nullish(), default: z.union([z.string(), z.boolean()]).nullish()})),
});

const usageBody = z.looseObject({
  usage: z.record(z.string(), z.looseObject({limit: z.number(), usage: z.number()})).default({}),
});

const membersBody = z.looseObject({members: z.array(z.looseObject({member_id: z.string(), status: z.string()}))});

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
  /** Glance deletes it for nobody until that is taken back. */
  readonly isProtected: boolean;
  /** The content's digest as Glance computed it; absent before the data is there. */
  readonly digest?: {readonly algorithm: string; readonly value: string};
  /** All other members: properties that people and services have set. */
  readonly properties: Readonly<Record<string, string>>;
}

/** What a project uses of one of Glance's limits. Sizes in MiB, counts in images. A negative limit is none. */
export interface ImageQuota {
  readonly limit: number;
  readonly usage: number;
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
  /** Chosen by us, so that a record whose answer was lost is known again. */
  readonly id: string;
  readonly name: string;
  readonly format: 'qcow2' | 'raw';
  readonly visibility: Visibility;
  readonly minDiskGiB: number;
  readonly minRamMiB: number;
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

/** A file's content, made anew for each attempt. */
export interface ImageData {
  readonly sizeBytes: number;
  open(): Readable;
}

export type ImportSource = {readonly method: 'glance-direct'} | {readonly method: 'web-download'; readonly url: string};

/** Glance, version 2 of its API. */
export interface Glance {
  /** The project's own images with these properties (and name), newest first. An administrator is shown those of all projects
   * too, and whoever made one gave it whatever properties he liked: such an image is taken by its id alone. */
  list(filter: Readonly<Record<string, string>>): Promise<GlanceImage[]>;
  /** The image that Trove takes for a version with these tags: its own question to Glance. */
  selectedBy(tags: readonly string[]): Promise<GlanceImage | undefined>;
  /** All active images with these tags, newest first. */
  listTagged(tags: readonly string[]): Promise<GlanceImage[]>;
  show(id: string): Promise<GlanceImage | undefined>;
  /** The time by Glance's own clock, as far as it tells. */
  now(): Promise<Date>;
  update(id: string, changes: ImageChanges): Promise<void>;
  /** Makes the record; its data comes next. */
  create(image: NewImage): Promise<void>;
  /** Sends the data in one request, which ends when Glance has stored and hashed it. */
  upload(id: string, data: ImageData): Promise<void>;
  /** Puts the data beside the store, for `import`. */
  stage(id: string, data: ImageData): Promise<void>;
  /** Has Glance take the data from where it was staged, or fetch it itself; ends before that is done: `show` tells. */
  import(id: string, source: ImportSource): Promise<void>;
  /** The import methods that this cloud offers, such as `glance-direct` and `web-download`. */
  importMethods(): Promise<readonly string[]>;
  /** How the store works that images go to by themselves (`file`, `rbd`, `swift`, …); undefined where the cloud doesn't tell us. */
  defaultStoreType(): Promise<string | undefined>;
  /** By the name of the limit (`image_size_total`, `image_count_total`, …); empty where the cloud has no such limits. */
  quotas(): Promise<Readonly<Record<string, ImageQuota>>>;
  /** Projects that a shared image is shared with, with their answer (`accepted`, `pending`, `rejected`). */
  members(id: string): Promise<Readonly<Record<string, string>>>;
  /** Shares an image with a project, and accepts it in its name: only so does it turn up in that project's lists. */
  share(id: string, projectId: string): Promise<void>;
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
  const listAll = async (filter: URLSearchParams): Promise<GlanceImage[]> => {
    const found: GlanceImage[] = [];
    let next: string | undefined = `/v2/images?${filter}&sort=created_at:desc&limit=100`;
    while (next) {
      const answer = await session.request({service, method: 'GET', path: next});
      const page: z.output<typeof imagePage> = answerAs(imagePage, answer, 'GET', next);
      found.push(...page.images.map(imageFrom));
      next = page.next;
    }
    return found;
  };
  return {
    async list(filter) {
      const owner = await session.projectId();
      return await listAll(new URLSearchParams({...filter, ...(owner === undefined ? {} : {owner})}));
    },
    listTagged: (tags) => listAll(taggedFilter(tags)),
    async selectedBy(tags) {
      // Trove 18 to 23: common/glance.py, get_image_id
      const question = `/v2/images?${taggedFilter(tags)}&sort=created_at:desc&limit=1`;
      const answer = await session.request({service, method: 'GET', path: question});
      const [image] = answerAs(imagePage, answer, 'GET', question).images;
      return image && imageFrom(image);
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
        isRepeatable: true, // it sets, so that twice is as good as once
      });
    },
    async create(image) {
      const json = createBody(image);
      const conflict = 409; // the record is there: an attempt before this one made it
      await session.request({
        service,
        method: 'POST',
        path: '/v2/images',
        json,
        isRepeatable: true,
        expected: [conflict],
      });
    },
    async upload(id, data) {
      const silenceMs = uploadSilenceMs;
      await session.request({service, method: 'PUT', path: path(id, '/file'), stream: data, silenceMs});
    },
    async stage(id, data) {
      const silenceMs = uploadSilenceMs;
      await session.request({service, method: 'PUT', path: path(id, '/stage'), stream: data, silenceMs});
    },
    async import(id, source) {
      const uri = source.method === 'web-download' ? {uri: source.url} : {};
      const json = {method: {name: source.method, ...uri}};
      await session.request({service, method: 'POST', path: path(id, '/import'), json});
    },
    async importMethods() {
      const at = '/v2/info/import';
      const answer = await session.request({service, method: 'GET', path: at, expected: [404]});
      return answer.status === 404 ? [] : answerAs(importBody, answer, 'GET', at)['import-methods'].value;
    },
    async defaultStoreType() {
      const at = '/v2/info/stores/detail'; // for administrators, of clouds with several stores
      const answer = await session.request({service, method: 'GET', path: at, expected: [403, 404]});
      if (answer.status >= 400) return undefined;
      const {stores} = answerAs(storesBody, answer, 'GET', at);
      return stores.find((store) => `${store.default}` === 'true')?.type ?? undefined;
    },
    async quotas() {
      const at = '/v2/info/usage'; // since version 2.13 of the API (OpenStack Xena)
      const answer = await session.request({service, method: 'GET', path: at, expected: [404]});
      return answer.status === 404 ? {} : answerAs(usageBody, answer, 'GET', at).usage;
    },
    async members(id) {
      const at = path(id, '/members');
      const answer = await session.request({service, method: 'GET', path: at, expected: [403, 404]});
      if (answer.status >= 400) return {}; // Glance tells members of shared images alone
      const {members} = answerAs(membersBody, answer, 'GET', at);
      return Object.fromEntries(members.map(({member_id, status}) => [member_id, status]));
    },
    async share(id, projectId) {
      const members = path(id, '/members');
      const json = {member: projectId};
      await session.request({service, method: 'POST', path: members, json, isRepeatable: true, expected: [409]});
      const member = `${members}/${encodeURIComponent(projectId)}`;
      await session.request({service, method: 'PUT', path: member, json: {status: 'accepted'}});
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

function taggedFilter(tags: readonly string[]): URLSearchParams {
  return new URLSearchParams([...tags.map((tag): [string, string] => ['tag', tag]), ['status', 'active']]);
}

function createBody(image: NewImage): object {
  return {
    ...image.properties,
    id: image.id,
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
  const {min_disk: minDiskGiB, min_ram: minRamMiB, protected: isProtected, ...others} = rest;
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
    isProtected,
    properties: Object.fromEntries(texts),
    ...(typeof size === 'number' ? {sizeBytes: size} : {}),
    ...(os_hash_algo && os_hash_value ? {digest: {algorithm: os_hash_algo, value: os_hash_value}} : {}),
  };
}
