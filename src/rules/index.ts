/** What a guest image has to be, as rules over an inspection: each with its reason, its remedy and where that is known from; what
 * was found against them, and which findings somebody has waived until when. Pure. Read `rule.ts`, then `catalogue.ts`. */
export * from './catalogue.js';
export * from './examined-image.js';
export * from './judge.js';
export * from './rule.js';
export * from './sarif.js';
export * from './waivers.js';
