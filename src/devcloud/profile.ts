import type {CloudSeries} from './series.js';
import type {Addresses} from './subnet.js';

/** `api`: Keystone, Glance and the Trove API. `full`: all that database instances need besides. */
export type Profile = 'api' | 'full';

/** Generated for each devcloud, kept in its state file alone. */
export interface Secrets {
  readonly admin: string;
  readonly service: string;
  readonly messaging: string;
}

/** What configuration is made from. */
export interface CloudSettings {
  readonly profile: Profile;
  readonly series: CloudSeries;
  /** Where the endpoints are. */
  readonly address: string;
  /** Absent while the state layer is initialised. */
  readonly instances?: Addresses['instances'];
  readonly secrets: Secrets;
  /** How guests run. `kvm` only where a guest kernel really starts under it. */
  readonly accelerator: 'kvm' | 'qemu';
  /** Of the entry in clouds.yaml. */
  readonly cloudName: string;
}

/** A service of OpenStack as the catalogue has it. */
export interface CatalogEntry {
  readonly name: string;
  readonly type: string;
  readonly port: number;
  /** After host and port of its endpoints. */
  readonly path: string;
}

const apiCatalog: readonly CatalogEntry[] = [
  {name: 'glance', type: 'image', port: 9292, path: ''},
  {name: 'trove', type: 'database', port: 8779, path: '/v1.0/%(tenant_id)s'},
];

const fullCatalog: readonly CatalogEntry[] = [
  ...apiCatalog,
  {name: 'placement', type: 'placement', port: 8778, path: ''},
  {name: 'nova', type: 'compute', port: 8774, path: '/v2.1'},
  {name: 'neutron', type: 'network', port: 9696, path: ''},
  {name: 'cinder', type: 'volumev3', port: 8776, path: '/v3/%(project_id)s'},
];

/** The catalogue of a profile, without Keystone, which bootstraps its own entry. */
export function catalogOf(profile: Profile): readonly CatalogEntry[] {
  return profile === 'api' ? apiCatalog : fullCatalog;
}
