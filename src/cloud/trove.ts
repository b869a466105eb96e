import {z} from 'zod';
import type {ConfigurationParameter, ImageChoice, RegisteredVersion} from '../datastore/index.js';
import {answerAs} from './answer.js';
import type {CloudSession} from './keystone.js';

/** What a datastore version is made with. It isn't the default: activating is an act of its own. */
export interface NewVersion {
  readonly datastore: string;
  readonly manager: string;
  /** What users call it; default: the version itself. */
  readonly name?: string;
  /** What the guest agent takes for the tag of its container. */
  readonly version: string;
  readonly image: ImageChoice;
  readonly isActive?: boolean;
}

export interface VersionChanges {
  readonly image?: ImageChoice;
  readonly isActive?: boolean;
  readonly isDefault?: boolean;
}

/** The management side of Trove: datastore versions and their configuration parameters. */
export interface TroveDatastores {
  /** All versions of all datastores, active or not. */
  list(): Promise<RegisteredVersion[]>;
  create(version: NewVersion): Promise<void>;
  update(id: string, changes: VersionChanges): Promise<void>;
  /** Deletes a version with its parameters; Trove refuses while an instance, backup or configuration has it. */
  delete(id: string): Promise<void>;
  listParameters(versionId: string): Promise<ConfigurationParameter[]>;
  createParameter(versionId: string, parameter: ConfigurationParameter): Promise<void>;
  updateParameter(versionId: string, parameter: ConfigurationParameter): Promise<void>;
}

const versionsBody = z.looseObject({
  versions: z.array(
    z.looseObject({
      id: z.string(),
      name: z.string(),
      version: z.string().nullish(),
      datastore_name: z.string(),
      datastore_manager: z.string(),
      image: z.string().nullish(),
      image_tags: z.array(z.string()).nullish(),
      active: z.union([z.boolean(), z.number()]),
      default: z.union([z.boolean(), z.number()]).nullish(),
    }),
  ),
});

const integer = z.union([z.number(), z.bigint()]);

const parametersBody = z.looseObject({
  'configuration-parameters': z.array(
    z.looseObject({
      name: z.string(),
      type: z.string(),
      restart_required: z.union([z.boolean(), z.number()]),
      min_size: integer.nullish(),
      max_size: integer.nullish(),
    }),
  ),
});

export function troveDatastores(session: CloudSession): TroveDatastores {
  const service = 'database';
  const versions = '/mgmt/datastore-versions';
  const parameters = (id: string) => `/mgmt/datastores/versions/${encodeURIComponent(id)}/parameters`;
  return {
    async list() {
      const answer = await session.request({service, method: 'GET', path: versions});
      return answerAs(versionsBody, answer, 'GET', versions).versions.map(versionFrom);
    },
    async create(version) {
      await session.request({service, method: 'POST', path: versions, json: {version: createBody(version)}});
    },
    async update(id, changes) {
      const json = {
        ...(changes.image ? imageMembers(changes.image) : {}),
        active: changes.isActive,
        default: changes.isDefault,
      };
      const path = `${versions}/${encodeURIComponent(id)}`;
      await session.request({service, method: 'PATCH', path, json, isRepeatable: true}); // it sets: twice is as good as once
    },
    async delete(id) {
      const path = `${versions}/${encodeURIComponent(id)}`;
      await session.request({service, method: 'DELETE', path, expected: [404]});
    },
    async listParameters(versionId) {
      const answer = await session.request({service, method: 'GET', path: parameters(versionId)});
      const body = answerAs(parametersBody, answer, 'GET', parameters(versionId));
      return body['configuration-parameters'].map(parameterFrom);
    },
    async createParameter(versionId, parameter) {
      const json = {'configuration-parameter': parameterBody(parameter)};
      await session.request({service, method: 'POST', path: parameters(versionId), json});
    },
    async updateParameter(versionId, parameter) {
      const path = `${parameters(versionId)}/${encodeURIComponent(parameter.name)}`;
      const json = {'configuration-parameter': parameterBody(parameter)};
      await session.request({service, method: 'PUT', path, json});
    },
  };
}

function createBody(version: NewVersion): object {
  return {
    datastore_name: version.datastore,
    datastore_manager: version.manager,
    name: version.name ?? version.version,
    version: version.version,
    ...imageMembers(version.image),
    packages: [],
    active: version.isActive ?? false,
    default: false,
  };
}

/** Trove forgets a version's image id when it is given tags alone; an id wins over tags that are there. */
function imageMembers({imageId, tags}: ImageChoice): object {
  return {...(imageId === undefined ? {} : {image: imageId}), ...(tags?.length ? {image_tags: tags} : {})};
}

/** Trove's schema speaks of `max` and `min`, its code reads `max_size` and `min_size` (Ocata to 2025.1). */
function parameterBody(parameter: ConfigurationParameter): object {
  return {
    name: parameter.name,
    data_type: parameter.type,
    restart_required: parameter.isRestartRequired ? 1 : 0,
    min_size: parameter.min,
    max_size: parameter.max,
  };
}

function versionFrom(body: z.output<typeof versionsBody>['versions'][number]): RegisteredVersion {
  return {
    id: body.id,
    datastore: body.datastore_name,
    manager: body.datastore_manager,
    name: body.name,
    version: body.version ?? body.name,
    imageTags: (body.image_tags ?? []).filter(Boolean),
    isActive: Boolean(body.active),
    isDefault: Boolean(body.default),
    ...(body.image ? {imageId: body.image} : {}),
  };
}

function parameterFrom(
  body: z.output<typeof parametersBody>['configuration-parameters'][number],
): ConfigurationParameter {
  return {
    name: body.name,
    type: body.type,
    isRestartRequired: Boolean(body.restart_required),
    ...(body.min_size === undefined || body.min_size === null ? {} : {min: BigInt(body.min_size)}),
    ...(body.max_size === undefined || body.max_size === null ? {} : {max: BigInt(body.max_size)}),
  };
}
