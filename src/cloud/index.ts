/** Clouds over HTTP: which one and how to sign in (`clouds-file.ts`, `settings.ts`), the session with its token and
 * catalog (`keystone.ts`), and one small client per service. Knows nothing of images on disk or of plans. */
export * from './clouds-file.js';
export * from './glance.js';
export * from './instances.js';
export {type CloudSession, findProject, openSession} from './keystone.js';
export * from './neutron.js';
export * from './nova.js';
export type {CloudSettings} from './settings.js';
export * from './trove.js';
