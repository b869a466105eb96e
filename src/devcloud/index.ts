/** The embedded OpenStack: its layers, configuration and services as values; its namespaces, network and state; readiness. */
export {cloudEntry, setCloudEntry} from './clouds-file.js';
export * from './host-network.js';
export * from './instance.js';
export * from './layers.js';
export * from './profile.js';
export * from './readiness.js';
export * from './run-plan.js';
export * from './series.js';
export * from './subnet.js';
export * from './supervision.js';
export * from './supervisor.js';
